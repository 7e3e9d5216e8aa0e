// The rows of a view, with its columns by their names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::cli {

// The columns of a view by their names.
class NamedColumns {
 public:
  explicit NamedColumns(const store::Rows& rows) {
    for (std::size_t i = 0; i < rows.columns.size(); ++i) places_[rows.columns[i]] = i;
  }
  std::string text(const std::vector<store::Value>& row, const char* column) const { return at(row, column).text; }
  std::optional<double> real(const std::vector<store::Value>& row, const char* column) const {
    const auto& value = at(row, column);
    if (value.kind == store::Value::Kind::Integer) return static_cast<double>(value.integer);
    if (value.kind == store::Value::Kind::Real) return value.real;
    return std::nullopt;
  }
  std::int64_t integer(const std::vector<store::Value>& row, const char* column) const {
    return at(row, column).integer;
  }

 private:
  const store::Value& at(const std::vector<store::Value>& row, const char* column) const {
    static const store::Value absent;
    const auto found = places_.find(column);
    return found != places_.end() ? row.at(found->second) : absent;
  }
  std::map<std::string, std::size_t> places_;
};

}  // namespace espalier::cli
