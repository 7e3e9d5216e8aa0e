// The columns of the store's views as axes of a table: which there are, how a value is written, how values are ordered.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "coded/coded_axis.h"
#include "report/table.h"
#include "store/coded/coded_rows.h"
#include "store/result_store.h"

namespace espalier::report {

// What a table may have as rows and columns, and what it may show.
const std::vector<std::string>& known_axes();
// Every metric; of each format the main one first.
const std::vector<std::string>& known_metrics();
const std::vector<std::string>& known_values();
// A setting by its path, as in scorer.samples or model.train.epochs.
bool is_setting(const std::string& axis);
// Axes that tell cells apart, each once (`scorer`, but not also `scorer_plugin`), in the order of a table's rows; without
// budgets, seed and base_seed.
const std::vector<std::string>& separate_axes();
// A budget's kind is an axis of what was requested, as it is in an experiment file.
bool is_budget(const std::string& axis);
// Of a point rather than of its cell: step, kind and the heads it keeps.
bool is_axis_of_points(const std::string& axis);
// Step and kind: with one of them a table shows every point of a cell, otherwise its last.
bool tells_points_apart(const std::string& axis);
// Of a latency: batch, length, threads and device.
bool is_axis_of_latency(const std::string& axis);
// Whether a value says itself what it is of: along an axis of budgets, that of another kind.
bool names_itself(const std::string& axis, const AxisValue& value);
// What an unpruned model depends on.
bool is_axis_of_dense(const std::string& axis);
// Of what is left in closed form, and of what finding it took.
bool is_detail(const std::string& name);
// Values of a whole cell rather than of one of its points; an unpruned model has none.
bool is_value_of_cell(const std::string& value);
// Measured on examples of a split, as a metric is and a count of parameters is not.
bool is_metric(const std::string& value);
// Milliseconds and their ratio: of a pass over a batch, dense and pruned.
bool is_latency(const std::string& value);
// Of those, what a counter of the machine has to say, which not every machine has.
bool is_energy(const std::string& value);
// Between 0 and 1 by its meaning, so that percents make sense.
bool is_share(const std::string& value);
// 1: more is better, -1: less is, 0: neither.
int better(const std::string& value);
// Whole numbers where one cell alone is shown.
bool is_count(const std::string& value);
int decimals_of(const std::string& value);

bool contains(const std::vector<std::string>& names, const std::string& name);

std::optional<double> number_of(const store::Value& value);

// Rows with their columns by name.
class NamedRows {
 public:
  explicit NamedRows(store::CodedRows rows);
  explicit NamedRows(const store::Rows& rows) : NamedRows(store::coded(rows)) {}
  std::size_t size() const { return rows_.count; }
  const store::CodedColumn& column(const std::string& name) const;
  const store::Value& at(std::size_t row, const std::string& column) const;
  std::string text(std::size_t row, const std::string& column) const;
  std::optional<double> number(std::size_t row, const std::string& column) const;
  AxisValue axis(std::size_t row, const std::string& axis) const;
  CodedAxis coded(const std::string& axis) const;
  // Values as they are written: what has one text has one code, also where one is a text and one a number.
  CodedAxis texts(const std::string& column) const;
  // Leaves the rows for which `keep` is true.
  void filter(const std::vector<bool>& keep);

 private:
  store::CodedRows rows_;
  std::unordered_map<std::string, std::size_t> place_;
};

// The order of an axis' values: numbers by size, then names as they first came.
class AxisOrder {
 public:
  void see(const std::vector<AxisValue>& values);
  bool before(const std::vector<AxisValue>& one, const std::vector<AxisValue>& other) const;

 private:
  std::vector<std::map<std::string, std::size_t>> first_seen_;  // by axis
};

std::vector<std::string> texts_of(const std::vector<AxisValue>& values);
std::string texts(const std::vector<AxisValue>& values, const std::string& separator);

}  // namespace espalier::report
