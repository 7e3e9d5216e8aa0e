// From entries to the places of a table: values that count, dense rows, the best of each column.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fitting.h"
#include "footnotes.h"
#include "measured_rows.h"
#include "spread.h"

namespace espalier::report {

class Filling {
 public:
  Filling(const MeasuredRows& measured, const TableRequest& request, const std::vector<std::string>& differences,
          Table& table, Findings& findings);
  void fill();

 private:
  using Texts = std::vector<std::string>;

  struct Sample {
    std::size_t entry = 0;
    double value = 0;
    std::string group;  // all that tells cells apart but their seeds
  };
  // What meets in one place of the table, before it is summed up.
  struct Place {
    TableCell cell;                            // counts of what has no value, for every value alike
    std::vector<std::vector<Sample>> samples;  // one list a value
    std::vector<std::int64_t> without, not_numbers, diverged;
  };

  void gather();
  void see(std::size_t entry);
  void see_value(std::size_t entry, std::size_t value, Place& place);
  void see_failed(const Entry& entry, Place& place);
  void see_origin(const Entry& entry);
  void see_device(const Entry& entry);
  void see_achieved(const Entry& entry, TableCell& cell);
  void learn_what_seeds_change();
  std::string method(const Entry& entry) const;
  std::string group(const Entry& entry) const;
  void order();
  void fill_dense();
  void fill_rows();
  TableCell filled(const Place& place, std::size_t value);
  ComputedPoint computed_point(std::size_t point) const;
  void fill_latency(const std::vector<const Sample*>& samples, const std::string& value, TableCell& cell) const;
  std::vector<const Sample*> distinct(const std::vector<Sample>& samples);
  std::vector<AxisValue> dense_names(const std::vector<AxisValue>& names) const;
  TableCell dense_cell(const std::vector<AxisValue>& names, const std::vector<AxisValue>& column,
                       const std::string& value) const;
  bool dense_belongs(std::size_t point, const Texts& axes, const std::vector<AxisValue>& values) const;
  void see_dense();
  bool tells_experiments_apart() const;
  void mark_best();
  void set_decimals();

  const MeasuredRows& measured_;
  const TableRequest& request_;
  Table& table_;
  Findings& findings_;
  Spread spread_;
  std::vector<TableValue> values_;
  Texts differences_;
  Texts dense_axes_;
  std::map<Texts, std::size_t> dense_;  // one point for each base model
  std::map<Texts, std::vector<AxisValue>> rows_, columns_;
  std::vector<std::vector<AxisValue>> ordered_rows_;
  AxisOrder row_order_, column_order_;
  std::map<std::pair<Texts, Texts>, Place> places_;
  // In footnotes: each once, in however many places it stands.
  std::set<std::size_t> counted_cells_, counted_points_, placed_cells_;
  std::set<std::string> seeded_, base_seeded_;  // methods and models whose results depend on the seed, the base seed
};

}  // namespace espalier::report
