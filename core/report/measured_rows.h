// What was measured of each cell, as the rows that a table is filled from: a cell with one of its points and, where times
// are asked for, one of its latencies.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cell_rows.h"

namespace espalier::report {

struct Entry {
  std::size_t cell = 0;
  std::optional<std::size_t> point, latency;
};

class MeasuredRows {
 public:
  // `by_point`: every point of a cell but the dense one, not its last alone. `by_experiment`: a cell of two experiments is
  // two.
  MeasuredRows(CellRows cells, store::Rows points, store::Rows latencies, bool by_point, bool by_experiment);

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<std::size_t>& dense() const { return dense_; }  // points of the unpruned models
  std::size_t cell_of_point(std::size_t point) const { return cell_of_.at(points_.text(point, "key")); }
  bool several_experiments() const { return several_experiments_; }

  const CellRows& cells() const { return cells_; }
  const NamedRows& points() const { return points_; }
  const NamedRows& latencies() const { return latencies_; }

  AxisValue axis(const Entry& entry, const std::string& axis) const;
  std::vector<AxisValue> axes(const Entry& entry, const std::vector<std::string>& axes) const;
  std::optional<double> value(const Entry& entry, const std::string& value) const;
  // The metric was measured, and is no number.
  bool is_no_number(const Entry& entry, const std::string& value) const;

 private:
  void see_points(bool by_point);
  void see_latencies();
  void see_cells(bool by_experiment);
  void add(std::size_t cell, std::optional<std::size_t> point);

  CellRows cells_;
  NamedRows points_, latencies_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> dense_;
  std::unordered_map<std::string, std::size_t> cell_of_;                    // by key, its first row
  std::unordered_map<std::string, std::vector<std::size_t>> points_of_;     // by key
  std::unordered_map<std::string, std::vector<std::size_t>> latencies_of_;  // by key
  std::vector<std::size_t> one_of_each_batch_;                              // latencies
  bool several_experiments_ = false;
};

}  // namespace espalier::report
