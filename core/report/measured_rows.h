// What was measured of each cell, as the rows that a table is filled from: a cell with one of its points and, where times
// are asked for, one of its latencies.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cell_rows.h"

namespace espalier::report {

struct Entry {
  std::size_t cell = 0;
  std::optional<std::size_t> point, latency;
};

class MeasuredRows {
 public:
  // The points are those of the cells' stored(). `by_point`: every point of a cell but the dense one, not its last alone.
  // `by_experiment`: a cell of two experiments is two.
  MeasuredRows(CellRows cells, NamedRows points, NamedRows latencies, bool by_point, bool by_experiment);

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<std::size_t>& dense() const { return dense_; }  // points of the unpruned models
  std::size_t cell_of_point(std::size_t point) const { return first_cell_[points_.column("key").code(point)]; }
  bool several_experiments() const { return several_experiments_; }

  const CellRows& cells() const { return cells_; }
  const NamedRows& points() const { return points_; }
  const NamedRows& latencies() const { return latencies_; }

  AxisValue axis(const Entry& entry, const std::string& axis) const;
  // Of all entries; read once.
  const CodedAxis& coded(const std::string& axis) const;
  std::optional<double> value(const Entry& entry, const std::string& value) const;
  // Whether any entry may have one: a look at the values, not at the entries.
  bool may_have(const std::string& value) const;
  // The metric was measured, and is no number.
  bool is_no_number(const Entry& entry, const std::string& value) const;

 private:
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  using Lists = std::vector<std::vector<std::size_t>>;

  void see_points(bool by_point);
  void see_latencies();
  void see_cells(bool by_experiment);
  void add(std::size_t cell, std::optional<std::size_t> point);
  CodedAxis coded_now(const std::string& axis) const;

  CellRows cells_;
  NamedRows points_, latencies_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> cells_of_entries_;
  std::vector<std::size_t> dense_;
  // By the code of a stored key:
  std::vector<std::size_t> first_cell_;  // the first row of the cell of this key
  Lists points_of_;
  Lists latencies_of_;
  std::vector<std::size_t> one_of_each_batch_;  // latencies
  bool several_experiments_ = false;
  mutable std::map<std::string, CodedAxis> coded_;
};

}  // namespace espalier::report
