#include "cells/device.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "words/names.h"

namespace espalier {
namespace {

constexpr std::int64_t most_index = 63;

constexpr const char* expected = "cpu, cuda, cuda:N (the GPU of that number) or auto (a GPU where one answers)";

// What stands before the colon, as it was most likely meant: "gpu" is nearer to "cpu" by its letters alone.
std::optional<std::string> meant(std::string_view kind) {
  std::string small(kind);
  for (auto& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (small == "gpu" || small == "nvidia") return to_string(DeviceKind::Cuda);
  return nearest_name(small, {to_string(DeviceKind::Cpu), to_string(DeviceKind::Cuda), "auto"});
}

[[noreturn]] void refuse(std::string_view option, std::string_view text) {
  constexpr std::size_t longest = 60;
  const auto colon = std::min(text.find(':'), text.size());
  const auto kind = text.substr(0, colon);
  const auto near = find_name<DeviceKind>(kind) || kind == "auto" ? std::nullopt : meant(kind);
  throw SettingsError(std::string(option) + " '" + std::string(text.substr(0, longest)) + "': no such device" +
                      (near ? did_you_mean(text, *near + std::string(text.substr(colon))) : "") + "\n    expected " +
                      expected);
}

}  // namespace

DeviceChoice device_from(std::string_view text, std::string_view option) {
  if (text == "auto") return {DeviceKind::Cuda, 0, true};
  const auto colon = text.find(':');
  const auto kind = find_name<DeviceKind>(text.substr(0, colon));
  if (!kind) refuse(option, text);
  if (colon == std::string_view::npos) return {*kind};
  const auto digits = text.substr(colon + 1);
  std::int64_t index = -1;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool fits = read.ec == std::errc() && read.ptr == digits.data() + digits.size() && index >= 0;
  if (*kind == DeviceKind::Cpu || !fits || index > most_index) refuse(option, text);
  return {*kind, index};
}

std::string to_string(const DeviceChoice& device) {
  if (device.is_auto) return "auto";
  const std::string kind = to_string(device.kind);
  return device.kind == DeviceKind::Cuda ? kind + ':' + std::to_string(device.index) : kind;
}

std::vector<DeviceChoice> devices_from(std::string_view text, std::string_view option) {
  if (text == "all") return {};
  std::vector<DeviceChoice> devices;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    const auto device = device_from(text.substr(begin, end - begin), option);
    if (std::find(devices.begin(), devices.end(), device) != devices.end())
      throw SettingsError(std::string(option) + ": " + to_string(device) + " is named twice");
    devices.push_back(device);
    begin = end + 1;
  }
  const auto kind = devices.front().kind;
  const bool mixed = std::any_of(devices.begin(), devices.end(), [&](const auto& one) { return one.kind != kind; });
  if (mixed || (devices.size() > 1 && devices.front().is_auto)) {
    throw SettingsError(std::string(option) + " " + std::string(text) +
                        ": computes on one kind of device\n    expected cpu, auto, all, or GPUs such as cuda:0,cuda:1");
  }
  return devices;
}

}  // namespace espalier
