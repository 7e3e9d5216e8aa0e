#include "store/coded/coded_rows.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace espalier::store {
namespace {

// Of numbers that differ little, hashes that differ much.
std::uint64_t mixed(std::uint64_t bits) {
  bits ^= bits >> 33;
  bits *= 0xff51afd7ed558ccdULL;
  bits ^= bits >> 33;
  bits *= 0xc4ceb9fe1a85ec53ULL;
  return bits ^ (bits >> 33);
}

std::uint64_t hash_of(Value::Kind kind, std::uint64_t bits, std::string_view text) {
  return kind == Value::Kind::Text ? std::hash<std::string_view>()(text)
                                   : mixed(bits + static_cast<std::uint64_t>(kind));
}

std::uint64_t bits_of(const Value& value) {
  if (value.kind == Value::Kind::Integer) return std::bit_cast<std::uint64_t>(value.integer);
  return value.kind == Value::Kind::Real ? std::bit_cast<std::uint64_t>(value.real) : 0;
}

}  // namespace

void CodedColumn::add(std::int64_t integer) { add(Value::Kind::Integer, std::bit_cast<std::uint64_t>(integer), {}); }
void CodedColumn::add(double real) { add(Value::Kind::Real, std::bit_cast<std::uint64_t>(real), {}); }
void CodedColumn::add(std::string_view text) { add(Value::Kind::Text, 0, text); }
void CodedColumn::add_null() { add(Value::Kind::Null, 0, {}); }

void CodedColumn::add(const Value& value) {
  switch (value.kind) {
    case Value::Kind::Null: add_null(); break;
    case Value::Kind::Integer: add(value.integer); break;
    case Value::Kind::Real: add(value.real); break;
    case Value::Kind::Text: add(std::string_view(value.text)); break;
  }
}

void CodedColumn::pad(std::size_t rows) {
  if (codes_.size() >= rows) return;
  add_null();
  codes_.resize(rows, codes_.back());
}

inline bool CodedColumn::is_value(std::uint32_t code, Value::Kind kind, std::uint64_t bits,
                                  std::string_view text) const {
  const auto& value = (*values_)[code];
  return value.kind == kind && (kind == Value::Kind::Text ? value.text == text : bits_of(value) == bits);
}

void CodedColumn::add(Value::Kind kind, std::uint64_t bits, std::string_view text) {
  // Neighbours are often alike.
  if (!codes_.empty() && is_value(codes_.back(), kind, bits, text)) {
    codes_.push_back(codes_.back());
    return;
  }
  if (2 * (hashes_.size() + 1) > slots_.size()) grow();
  const auto hash = hash_of(kind, bits, text);
  auto slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const auto code = slots_[slot] - 1;
    if (hashes_[code] != hash || !is_value(code, kind, bits, text)) continue;
    codes_.push_back(code);
    return;
  }
  if (values_.use_count() > 1) values_ = std::make_shared<std::vector<Value>>(*values_);
  const auto code = static_cast<std::uint32_t>(values_->size());
  auto& value = values_->emplace_back();
  value.kind = kind;
  if (kind == Value::Kind::Integer) value.integer = std::bit_cast<std::int64_t>(bits);
  if (kind == Value::Kind::Real) value.real = std::bit_cast<double>(bits);
  value.text = text;
  hashes_.push_back(hash);
  slots_[slot] = code + 1;
  codes_.push_back(code);
}

void CodedColumn::grow() {
  for (auto code = hashes_.size(); code < values_->size(); ++code) {
    const auto& value = (*values_)[code];
    hashes_.push_back(hash_of(value.kind, bits_of(value), value.text));
  }
  slots_.assign(std::bit_ceil(4 * (hashes_.size() + 4)), 0);
  for (std::size_t code = 0; code < hashes_.size(); ++code) {
    auto slot = hashes_[code] & (slots_.size() - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(code + 1);
  }
}

void CodedColumn::filter(const std::vector<bool>& keep) {
  std::size_t kept = 0;
  for (std::size_t row = 0; row < codes_.size(); ++row) {
    if (keep[row]) codes_[kept++] = codes_[row];
  }
  codes_.resize(kept);
}

CodedColumn CodedColumn::arranged(const std::vector<std::size_t>& rows) const {
  CodedColumn other;
  other.values_ = values_;
  other.codes_.reserve(rows.size());
  for (const auto row : rows) other.codes_.push_back(codes_[row]);
  return other;
}

const CodedColumn* CodedRows::find(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? nullptr : &columns[static_cast<std::size_t>(found - names.begin())];
}

CodedRows coded(const Rows& rows) {
  CodedRows made{rows.columns, std::vector<CodedColumn>(rows.columns.size()), rows.rows.size()};
  for (const auto& row : rows.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) made.columns[i].add(row[i]);
  }
  return made;
}

}  // namespace espalier::store
