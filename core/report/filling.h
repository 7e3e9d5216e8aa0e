// From entries to the places of a table: values that count, dense rows, the best of each column.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
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
    std::uint32_t group = 0;  // all that tells cells apart but their seeds
  };
  // What meets in one place of the table, before it is summed up.
  struct Place {
    std::uint32_t row = 0, column = 0;         // groups
    TableCell cell;                            // counts of what has no value, for every value alike
    std::vector<std::vector<Sample>> samples;  // one list a value
    std::vector<std::int64_t> without, not_numbers, diverged;
  };

  void gather();
  void see(std::size_t entry, Place& place);
  void see_value(std::size_t entry, std::size_t value, Place& place);
  void see_failed(const Entry& entry, Place& place);
  void see_origins();
  void see_seeds(const std::vector<std::size_t>& cells, const std::vector<std::size_t>& points);
  void see_devices(const std::vector<std::size_t>& cells);
  void see_times();
  void see_achieved(const Entry& entry, TableCell& cell);
  void learn_what_seeds_change();
  Grouping grouped(const Texts& axes) const;
  void order();
  void fill_dense();
  void fill_rows();
  TableCell filled(const Place& place, std::size_t value);
  ComputedPoint computed_point(std::size_t point) const;
  void fill_latency(const std::vector<const Sample*>& samples, const std::string& value, TableCell& cell) const;
  void tell_computations_apart();
  std::vector<const Sample*> distinct(const std::vector<Sample>& samples);
  std::vector<AxisValue> names_of(std::size_t entry, const Texts& axes) const;
  std::vector<std::size_t> ordered(const Grouping& groups, const Texts& axes) const;
  const Place* place_at(std::size_t row, std::size_t column) const;
  bool belongs(const Place& place, const std::vector<AxisValue>& names, const std::vector<AxisValue>& column) const;
  TableCell instead_of_dense(const std::vector<AxisValue>& names, const std::vector<AxisValue>& column) const;
  std::vector<AxisValue> dense_names(const std::vector<AxisValue>& names) const;
  TableCell dense_cell(const std::vector<AxisValue>& names, const std::vector<AxisValue>& column,
                       const std::string& value) const;
  bool dense_belongs(std::size_t point, const Texts& axes, const std::vector<AxisValue>& values) const;
  void see_dense();
  bool see_dense_beside(std::size_t chosen, std::size_t point);
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
  // Entries by what they share: a row, a column, both; all but their seeds; what seeds may change nothing of.
  Grouping rows_, columns_, at_, groups_, methods_;
  std::vector<std::size_t> ordered_rows_, ordered_columns_;  // groups, as they stand in the table
  std::vector<Place> places_;                                // by number in at_
  std::unordered_map<std::uint64_t, std::size_t> place_of_;  // by row and column
  // In footnotes: each once, in however many places it stands.
  std::vector<bool> counted_cells_;
  std::vector<bool> seeded_, base_seeded_;  // methods and models whose results depend on the seed, the base seed
  Grouping computations_;                   // entries that share one
  std::vector<const void*> counted_in_;     // of each computation the last list in which it was counted
  std::vector<const store::CodedColumn*> of_points_;  // of each value its column, where it is one of points
  const store::CodedColumn &states_, &kinds_, &achieved_, &requested_;
};

}  // namespace espalier::report
