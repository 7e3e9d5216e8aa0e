// The cells that a table is of: those of a database, or those of an experiment file as it is now; each with its settings
// by their paths, so that what differs can be told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "axes.h"
#include "store/result_store.h"

namespace espalier::report {

// What one name stands for in one cell: the settings of a model, a dataset or a plugin, by path, with the digests of files
// in place of their paths.
struct NamedPart {
  std::string label;
  std::map<std::string, std::string> settings;  // as in scorer.samples
};

// Settings that one name has in several ways, as far as is needed to tell the ways apart, and a sentence of all of them.
struct Difference {
  std::vector<std::string> axes;
  std::vector<std::string> sentences;
};

class CellRows {
 public:
  // All of the experiment's; of all experiments where its name is empty.
  CellRows(const store::ResultStore& store, const std::string& experiment);
  // Those of a file, in its order.
  CellRows(const store::ResultStore& store, const std::string& experiment,
           const std::vector<store::NewCell>& cells_of_file);

  NamedRows& rows() { return rows_; }
  const NamedRows& rows() const { return rows_; }
  std::int64_t left_out() const { return left_out_; }  // of the experiment, and not of the file
  // Of a database: those that the experiment files did not hold when they last ran.
  void leave_out_earlier();

  // A column of the view `cells`, or a setting by its path.
  AxisValue axis(std::size_t row, const std::string& axis) const;
  // Of what one name stands for among these rows.
  Difference differences() const;
  bool knows(const std::string& setting) const;
  std::vector<std::string> settings() const;
  void filter(const std::vector<bool>& keep);

 private:
  enum Part { Model, Dataset, Scorer, Searcher, Recovery, Measure, Files, part_count };
  using Parts = std::array<std::size_t, part_count>;

  class PartsByText;
  void take_apart();
  std::size_t part(Part which, NamedPart made);

  NamedRows rows_;
  std::vector<Parts> parts_;  // one a row
  std::array<std::vector<NamedPart>, part_count> known_;
  std::array<std::unordered_map<std::string, std::size_t>, part_count> places_;
  std::vector<std::string> versions_;  // told apart by nothing but their keys: 1, 2, ...; else empty
  std::int64_t left_out_ = 0;
};

}  // namespace espalier::report
