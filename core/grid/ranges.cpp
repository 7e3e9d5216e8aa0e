#include "ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "reading.h"

namespace espalier::grid {
namespace {

// digits x 10^exponent
struct Decimal {
  std::int64_t digits = 0;
  int exponent = 0;
};

// As the shortest text of the number has it, which is how a person wrote it.
Decimal decimal_of(double number) {
  const auto text = fmt::format("{}", number);
  Decimal decimal;
  std::string digits;
  const auto power = text.find('e');
  const auto mantissa = text.substr(0, power);
  if (power != std::string::npos) decimal.exponent = std::stoi(text.substr(power + 1));
  for (const char c : mantissa) {
    if (c != '.') digits += c;
  }
  if (const auto point = mantissa.find('.'); point != std::string::npos) {
    decimal.exponent -= static_cast<int>(mantissa.size() - point - 1);
  }
  std::from_chars(digits.data(), digits.data() + digits.size(), decimal.digits);  // 17 digits at most
  return decimal;
}

// The same number with a smaller exponent; false where it does not fit.
bool rescale(Decimal& decimal, int exponent) {
  for (; decimal.exponent > exponent; --decimal.exponent) {
    if (decimal.digits == 0) {
      decimal.exponent = exponent;
      return true;
    }
    if (__builtin_mul_overflow(decimal.digits, std::int64_t{10}, &decimal.digits)) return false;
  }
  return true;
}

double number_of(std::int64_t digits, int exponent) {
  const auto text = fmt::format("{}e{}", digits, exponent);
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? "" : std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

std::optional<std::int64_t> whole(std::string_view text) {
  const auto digits = trimmed(text);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

struct Steps {
  Decimal from, to, step;  // of one exponent
};

class RangeReader {
 public:
  RangeReader(const Value& value, const std::string& axis, Numbers numbers, std::vector<Value>& values,
              Complaints& complaints)
      : value_(value), axis_(axis), numbers_(numbers), values_(values), complaints_(complaints) {}

  void from_text() {
    const auto ends = whole_range(value_.text);
    if (!ends || numbers_ == Numbers::Real) {
      complaints_.add(value_.place,
                      fmt::format("'{}' is {}, expected {}", axis_, describe(value_),
                                  numbers_ == Numbers::Real
                                      ? "numbers; a range of them has a step: { from = 0.1, to = 0.9, step = 0.1 }"
                                      : "whole numbers; a range of them is written \"0..9\""));
      return;
    }
    add({{ends->first, 0}, {ends->second, 0}, {1, 0}});
  }

  void from_table() {
    TableReader reader(value_, fmt::format("a range of '{}'", axis_), complaints_);
    const auto *from = reader.need("from"), *to = reader.need("to");
    const auto* step = numbers_ == Numbers::Real ? reader.need("step") : reader.find("step");
    reader.finish();
    Steps steps{{}, {}, {1, 0}};
    if (from == nullptr || to == nullptr || (step == nullptr && numbers_ == Numbers::Real)) return;
    if (!read(*from, "from", steps.from) || !read(*to, "to", steps.to)) return;
    if (step != nullptr && !read(*step, "step", steps.step)) return;
    if (steps.step.digits <= 0) {
      complaints_.add(step->place, fmt::format("'step' is {}, expected a positive number", describe(*step)));
      return;
    }
    const int exponent = std::min({steps.from.exponent, steps.to.exponent, steps.step.exponent});
    if (!rescale(steps.from, exponent) || !rescale(steps.to, exponent) || !rescale(steps.step, exponent)) {
      complaints_.add(value_.place, "these numbers lie too far apart for exact steps");
      return;
    }
    add(steps);
  }

 private:
  bool read(const Value& part, const char* name, Decimal& target) {
    if (numbers_ == Numbers::Whole) {
      return read_integer(part, name, std::numeric_limits<std::int64_t>::min(), target.digits, complaints_);
    }
    double number = 0;
    constexpr Range finite = {-no_limit, no_limit, "a number"};
    if (!read_real(part, name, finite, number, complaints_)) return false;
    target = decimal_of(number);
    return true;
  }

  void add(const Steps& steps) {
    if (steps.to.digits < steps.from.digits) {
      complaints_.add(value_.place, fmt::format("this range of '{}' ends before it begins", axis_));
      return;
    }
    std::int64_t span = 0;
    const bool past = __builtin_sub_overflow(steps.to.digits, steps.from.digits, &span);
    const auto count = past ? most_values : static_cast<std::uint64_t>(span / steps.step.digits);  // and one
    if (count >= most_values) {
      complaints_.add(value_.place,
                      fmt::format("this range of '{}' is too long: an axis has at most {} values", axis_, most_values));
      return;
    }
    for (std::uint64_t i = 0; i <= count; ++i) {
      auto& one = values_.emplace_back();
      one.place = value_.place;
      const auto digits = steps.from.digits + static_cast<std::int64_t>(i) * steps.step.digits;
      if (numbers_ == Numbers::Whole) {
        one.kind = Value::Kind::Integer;
        one.integer = digits;
      } else {
        one.kind = Value::Kind::Real;
        one.real = number_of(digits, steps.from.exponent);
      }
    }
  }

  const Value& value_;
  const std::string& axis_;
  Numbers numbers_;
  std::vector<Value>& values_;
  Complaints& complaints_;
};

}  // namespace

std::optional<std::pair<std::int64_t, std::int64_t>> whole_range(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto first = whole(text.substr(0, dots)), last = whole(text.substr(dots + 2));
  if (!first || !last) return std::nullopt;
  return std::pair(*first, *last);
}

bool add_range(const Value& value, const std::string& axis, Numbers numbers, std::vector<Value>& values,
               Complaints& complaints) {
  RangeReader reader(value, axis, numbers, values, complaints);
  if (value.kind == Value::Kind::Text && value.text.find("..") != std::string::npos) {
    reader.from_text();
    return true;
  }
  if (value.kind == Value::Kind::Table) {
    reader.from_table();
    return true;
  }
  return false;
}

}  // namespace espalier::grid
