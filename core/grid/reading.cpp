#include "reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "vocabulary.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

bool refuse(const Value& value, std::string_view name, std::string_view expected, Complaints& complaints,
            const std::string& advice = "") {
  complaints.add(value.place, fmt::format("'{}' is {}, expected {}{}", name, describe(value), expected,
                                          advice.empty() ? "" : "\n    " + advice));
  return false;
}

// The number that a text spells: "8", "50%" (then a share of it).
std::optional<double> spelled(const std::string& text, bool& percent) {
  auto digits = text;
  while (digits.ends_with(' ')) digits.pop_back();
  percent = digits.ends_with('%');
  if (percent) digits.pop_back();
  while (digits.ends_with(' ')) digits.pop_back();
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// What a number of another kind was most likely meant to be: 50 of a share is 0.5, "8" is 8.
std::string meant_number(const Value& value, const Range& range) {
  bool percent = false;
  std::optional<double> number;
  if (value.kind == Value::Kind::Integer) number = static_cast<double>(value.integer);
  if (value.kind == Value::Kind::Real) number = value.real;
  const bool quoted = value.kind == Value::Kind::Text;
  if (quoted) number = spelled(value.text, percent);
  if (!number) return "";
  if (quoted && !percent && range.holds(*number)) return fmt::format("without quotes: {}", *number);
  const double share_of_it = *number / 100;
  if ((percent || (range.most == 1 && *number >= 2 && *number <= 100)) && range.holds(share_of_it)) {
    return fmt::format("did you mean {}?", share_of_it);
  }
  return "";
}

}  // namespace

bool read_text(const Value& value, std::string_view name, std::string& target, Complaints& complaints) {
  if (value.kind != Value::Kind::Text) return refuse(value, name, "a text in quotes", complaints);
  target = value.text;
  return true;
}

bool read_bool(const Value& value, std::string_view name, bool& target, Complaints& complaints) {
  if (value.kind != Value::Kind::Bool) return refuse(value, name, "true or false", complaints);
  target = value.boolean;
  return true;
}

bool read_integer(const Value& value, std::string_view name, std::int64_t least, std::int64_t& target,
                  Complaints& complaints) {
  if (value.kind != Value::Kind::Integer || value.integer < least) {
    bool percent = false;
    const auto number = value.kind == Value::Kind::Text   ? spelled(value.text, percent)
                        : value.kind == Value::Kind::Real ? std::optional(value.real)
                                                          : std::nullopt;
    constexpr double exact = 9007199254740992.0;  // 2^53
    const bool meant = number && !percent && *number >= static_cast<double>(least) && *number <= exact &&
                       *number == std::floor(*number);
    return refuse(
        value, name, fmt::format("an integer of at least {}", least), complaints,
        meant ? fmt::format("{}: {:.0f}", value.kind == Value::Kind::Text ? "without quotes" : "written", *number)
              : "");
  }
  target = value.integer;
  return true;
}

bool read_real(const Value& value, std::string_view name, const Range& range, double& target, Complaints& complaints) {
  const bool is_number = value.kind == Value::Kind::Integer || value.kind == Value::Kind::Real;
  const double number = value.kind == Value::Kind::Integer ? static_cast<double>(value.integer) : value.real;
  if (!is_number || !range.holds(number)) {
    return refuse(value, name, range.words, complaints, meant_number(value, range));
  }
  target = number + 0.0;  // turns -0.0, which would be another text in a key, into 0.0
  return true;
}

bool read_word(const Value& value, std::string_view kind, const std::vector<std::string>& known, std::string& target,
               Complaints& complaints) {
  if (!read_text(value, kind, target, complaints)) return false;
  if (std::find(known.begin(), known.end(), target) != known.end()) return true;
  complaints.add(value.place, unknown_name(kind, target, known));
  return false;
}

bool expect_table(const Value& value, std::string_view name, Complaints& complaints) {
  return value.kind == Value::Kind::Table || refuse(value, name, "a table", complaints);
}

TableReader::TableReader(const Value& table, std::string title, Complaints& complaints)
    : table_(table), title_(std::move(title)), complaints_(complaints) {}

const Entry* TableReader::find_entry(const std::string& key) {
  known_.push_back(key);
  return table_.find(key);
}

const Value* TableReader::find(const std::string& key) {
  const Entry* entry = find_entry(key);
  return entry == nullptr ? nullptr : &entry->value;
}

const Value* TableReader::need(const std::string& key) {
  const Value* value = find(key);
  if (value == nullptr) complaints_.add(table_.place, fmt::format("{} lacks the key '{}'", title_, key));
  return value;
}

void TableReader::text(const std::string& key, std::string& target) {
  if (const auto* value = find(key)) read_text(*value, key, target, complaints_);
}

void TableReader::boolean(const std::string& key, bool& target) {
  if (const auto* value = find(key)) read_bool(*value, key, target, complaints_);
}

void TableReader::integer(const std::string& key, std::int64_t least, std::int64_t& target) {
  if (const auto* value = find(key)) read_integer(*value, key, least, target, complaints_);
}

void TableReader::real(const std::string& key, const Range& range, double& target) {
  if (const auto* value = find(key)) read_real(*value, key, range, target, complaints_);
}

void TableReader::integers(const std::string& key, std::int64_t least, std::vector<std::int64_t>& target) {
  const auto* value = find(key);
  if (value == nullptr) return;
  const bool is_list = value->kind == Value::Kind::List;
  if (is_list && value->items.empty())
    complaints_.add(value->place, fmt::format("'{}' is an empty list, expected {} sizes such as [1, 8]", key, key));
  for (const auto& item : is_list ? value->items : std::vector<Value>{*value}) {
    std::int64_t number = 0;
    if (read_integer(item, key, least, number, complaints_)) target.push_back(number);
  }
}

void TableReader::finish() {
  for (const auto& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    auto belongs = where_key_belongs(entry.key, title_);
    if (belongs.empty() && !nearest_name(entry.key, known_)) belongs = nearest_key_elsewhere(entry.key, title_);
    complaints_.add(entry.place, unknown_here("key", entry.key, known_, belongs) + "\n    in " + title_);
  }
}

}  // namespace espalier::grid
