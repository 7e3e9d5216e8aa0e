#include "reading.h"

#include <fmt/format.h>

#include <algorithm>

#include "words/names.h"

namespace espalier::grid {
namespace {

bool refuse(const Value& value, std::string_view name, std::string_view expected, Complaints& complaints) {
  complaints.add(value.place, fmt::format("'{}' is {}, expected {}", name, describe(value), expected));
  return false;
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
    return refuse(value, name, fmt::format("an integer of at least {}", least), complaints);
  }
  target = value.integer;
  return true;
}

bool read_real(const Value& value, std::string_view name, const Range& range, double& target, Complaints& complaints) {
  const bool is_number = value.kind == Value::Kind::Integer || value.kind == Value::Kind::Real;
  const double number = value.kind == Value::Kind::Integer ? static_cast<double>(value.integer) : value.real;
  if (!is_number || !(number >= range.least && number <= range.most)) {
    return refuse(value, name, range.words, complaints);
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

void TableReader::word(const std::string& key, const std::vector<std::string>& known, std::string& target) {
  if (const auto* value = find(key)) read_word(*value, key, known, target, complaints_);
}

void TableReader::finish() {
  for (const auto& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    complaints_.add(entry.place, unknown_name("key", entry.key, known_) + "\n    in " + title_);
  }
}

}  // namespace espalier::grid
