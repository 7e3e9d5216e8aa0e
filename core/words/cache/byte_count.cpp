#include "words/cache/byte_count.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace espalier {
namespace {

struct Unit {
  const char* name;  // in small letters
  double bytes;
};
constexpr Unit units[] = {{"", 1},      {"b", 1},         {"kb", 1e3},      {"mb", 1e6},      {"gb", 1e9},
                          {"tb", 1e12}, {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1099511627776.0}};

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return text;
}

}  // namespace

std::uint64_t bytes_from(const std::string& text, const std::string& what) {
  double number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const auto* unit_begin = std::find_if(rest, end, [](char letter) { return letter != ' '; });
  const auto name = in_small_letters(std::string(unit_begin, end));
  const auto* unit =
      std::find_if(std::begin(units), std::end(units), [&](const Unit& known) { return name == known.name; });
  const bool is_number = failure == std::errc() && number >= 0 && !std::signbit(number);
  if (!is_number || unit == std::end(units) || number * unit->bytes > 1e18) {
    throw SettingsError(
        fmt::format("{} is '{}', expected a number of bytes\n    as in 20GiB, 500MB or 1000000; units: B, kB, MB, GB, "
                    "TB, KiB, MiB, "
                    "GiB, TiB",
                    what, text));
  }
  return static_cast<std::uint64_t>(number * unit->bytes);
}

std::string size_text(std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (size < 1e6) return fmt::format("{:.1f} kB", size / 1e3);
  return size < 1e9 ? fmt::format("{:.1f} MB", size / 1e6) : fmt::format("{:.1f} GB", size / 1e9);
}

}  // namespace espalier
