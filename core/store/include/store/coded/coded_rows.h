// Rows column by column, each value of a column once: what many rows share is kept, compared and named once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/result_store.h"

namespace espalier::store {

class CodedColumn {
 public:
  CodedColumn() : values_(std::make_shared<std::vector<Value>>()) {}

  std::size_t size() const { return codes_.size(); }
  // Equal values have equal codes; codes are places in values().
  std::uint32_t code(std::size_t row) const { return codes_[row]; }
  const std::vector<std::uint32_t>& codes() const { return codes_; }
  // In the order in which they first came. After filter() some may stand in no row.
  const std::vector<Value>& values() const { return *values_; }
  const Value& at(std::size_t row) const { return (*values_)[codes_[row]]; }

  void add(std::int64_t integer);
  void add(double real);
  void add(std::string_view text);
  void add_null();
  void add(const Value& value);
  // Nulls until there are so many rows.
  void pad(std::size_t rows);

  // Leaves the rows for which `keep` is true.
  void filter(const std::vector<bool>& keep);
  // The same values in other rows: at each place the row that is named there.
  CodedColumn arranged(const std::vector<std::size_t>& rows) const;

 private:
  void add(Value::Kind kind, std::uint64_t bits, std::string_view text);
  bool is_value(std::uint32_t code, Value::Kind kind, std::uint64_t bits, std::string_view text) const;
  void grow();

  std::shared_ptr<std::vector<Value>> values_;  // shared with columns that were arranged from this one
  std::vector<std::uint32_t> codes_;
  std::vector<std::uint64_t> hashes_;  // of the values
  std::vector<std::uint32_t> slots_;   // codes plus 1 by hash; 0: free
};

struct CodedRows {
  std::vector<std::string> names;  // of the columns
  std::vector<CodedColumn> columns;
  std::size_t count = 0;  // of rows

  const CodedColumn* find(std::string_view name) const;
};

CodedRows coded(const Rows& rows);

// What a point is by itself, metrics aside: the columns of the view `points` that are of no cell.
const std::vector<std::string>& columns_of_point();

// Cells, and with each the row of its last attempt and of the point that is its result; 0: none.
struct DetailedCells {
  CodedRows rows;
  std::vector<std::int64_t> attempts, results;
};

}  // namespace espalier::store
