// The columns of the store's views as axes of a table: which there are, how a value is written, how values are ordered.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

// What a table may have as rows and columns, and what it may show.
const std::vector<std::string>& known_axes();
const std::vector<std::string>& known_values();
// Axes that tell cells apart, each once (`scorer`, but not also `scorer_plugin`); without seed and base_seed.
const std::vector<std::string>& separate_axes();
// Of a point rather than of its cell: step, kind and the heads it keeps.
bool is_axis_of_points(const std::string& axis);
// Step and kind: with one of them a table shows every point of a cell, otherwise its last.
bool tells_points_apart(const std::string& axis);
// Whether a value says itself what it is of: along an axis of budgets, that of another kind.
bool names_itself(const std::string& axis, const AxisValue& value);
// What an unpruned model depends on.
bool is_axis_of_dense(const std::string& axis);
// What only ResultStore::points_in_detail() has.
bool is_detail(const std::string& name);
// Values of a whole cell rather than of one of its points; an unpruned model has none.
bool is_value_of_cell(const std::string& value);

// Rows with their columns by name.
class NamedRows {
 public:
  explicit NamedRows(store::Rows rows);
  std::size_t size() const { return rows_.rows.size(); }
  const store::Value& at(std::size_t row, const std::string& column) const;
  std::string text(std::size_t row, const std::string& column) const;
  std::optional<double> number(std::size_t row, const std::string& column) const;
  AxisValue axis(std::size_t row, const std::string& axis) const;
  std::vector<AxisValue> axes(std::size_t row, const std::vector<std::string>& axes) const;

 private:
  store::Rows rows_;
  std::map<std::string, std::size_t> place_;
};

// The order of an axis' values: numbers by size, then names as they first came.
class AxisOrder {
 public:
  void see(const std::vector<AxisValue>& values);
  bool before(const std::vector<AxisValue>& one, const std::vector<AxisValue>& other) const;

 private:
  std::vector<std::map<std::string, std::size_t>> first_seen_;  // by axis
};

std::string texts(const std::vector<AxisValue>& values, const std::string& separator);

}  // namespace espalier::report
