#include "words/texts/durations.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace espalier {
namespace {

// A time that has no smaller unit left is said without it.
std::string in_units(std::int64_t of_first, const char* first, std::int64_t of_second, const char* second) {
  auto text = std::to_string(of_first) + " " + first;
  if (of_second > 0) text += " " + std::to_string(of_second) + " " + second;
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "an unknown time";
  if (seconds < 9.95) {
    std::array<char, 32> digits{};
    const int length = std::snprintf(digits.data(), digits.size(), "%.2g", seconds < 0.001 ? 0 : seconds);
    return std::string(digits.data(), static_cast<std::size_t>(length)) + " s";
  }
  const std::int64_t whole = std::llround(seconds);
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return in_units(whole / 60, "min", whole % 60, "s");
  if (whole < 86400) return in_units(whole / 3600, "h", whole % 3600 / 60, "min");
  return in_units(whole / 86400, "d", whole % 86400 / 3600, "h");
}

}  // namespace espalier
