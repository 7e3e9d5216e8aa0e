#include "safetensors_header.h"

#include <espalier/error.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace espalier::inputs {
namespace {

using nlohmann::json;

constexpr std::uint64_t largest_header = 100'000'000;

[[noreturn]] void refuse(const std::string& file, const std::string& what) { throw InputError(file + ": " + what); }

std::uint64_t end_of(const std::string& file, const std::string& name, const json& entry) {
  const bool whole = entry.is_object() && entry.contains("shape") && entry["shape"].is_array() &&
                     entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
                     entry["data_offsets"].size() == 2 && entry["data_offsets"][1].is_number_unsigned() &&
                     std::all_of(entry["shape"].begin(), entry["shape"].end(),
                                 [](const json& extent) { return extent.is_number_unsigned(); });
  if (!whole) refuse(file, "tensor '" + name + "': its header entry has no sound dtype, shape and data_offsets");
  return entry["data_offsets"][1].get<std::uint64_t>();
}

}  // namespace

Shapes safetensors_shapes(const std::filesystem::path& file) {
  const auto name = file.string();
  std::ifstream input(file, std::ios::binary);
  std::error_code unknown;
  const auto size = std::filesystem::file_size(file, unknown);
  if (!input || unknown) refuse(name, "cannot be read");
  if (size < 8) {
    refuse(name, "truncated: a safetensors file has at least 8 bytes, this one has " + std::to_string(size));
  }
  std::uint64_t header_size = 0;
  input.read(reinterpret_cast<char*>(&header_size), sizeof header_size);  // NOLINT: little endian, as the format says
  if (header_size > largest_header) refuse(name, "is no safetensors file: it does not begin with the size of a header");
  if (header_size > size - 8) {
    refuse(name, "truncated: the header claims " + std::to_string(header_size) + " bytes, the file has " +
                     std::to_string(size - 8) + " after its first 8");
  }
  std::string text(header_size, '\0');
  input.read(text.data(), static_cast<std::streamsize>(header_size));
  const auto header = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!input || !header.is_object()) refuse(name, "is no safetensors file: its header is not a JSON object");
  Shapes shapes;
  std::uint64_t end = 0;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") continue;
    end = std::max(end, end_of(name, key, entry));
    shapes[key] = entry["shape"].get<std::vector<std::int64_t>>();
  }
  if (end > size - 8 - header_size) {
    refuse(name, "truncated: the header says " + std::to_string(end) + " bytes of data, the file has " +
                     std::to_string(size - 8 - header_size));
  }
  return shapes;
}

}  // namespace espalier::inputs
