// The cells that a table is of: those of a database, or those of an experiment file as it is now; each with its settings
// by their paths, so that what differs can be told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
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
  // All of the experiment's; of all experiments where its name is empty. With these columns of the view `cells`, and with
  // those that tell cells apart.
  CellRows(const store::ResultStore& store, const std::string& experiment, const std::vector<std::string>& columns);
  // Those of a file, in its order.
  CellRows(const store::ResultStore& store, const std::string& experiment,
           const std::vector<store::NewCell>& cells_of_file, const std::vector<std::string>& columns);

  const NamedRows& rows() const { return rows_; }
  std::int64_t left_out() const { return left_out_; }  // of the experiment, and not of the file
  // What the database holds, of which these cells are or with which they share keys.
  const store::DetailedCells& stored() const { return stored_; }
  // The code of the cell's key among those of stored(); none where the database does not know it.
  std::uint32_t stored_key(std::size_t row) const { return stored_keys_[row]; }
  // Of a database: those that the experiment files did not hold when they last ran.
  void leave_out_earlier();

  // A column of the view `cells`, or a setting by its path.
  AxisValue axis(std::size_t row, const std::string& axis) const;
  CodedAxis coded(const std::string& axis) const;
  // Of what one name stands for among these rows.
  Difference differences() const;
  bool knows(const std::string& setting) const;
  std::vector<std::string> settings() const;
  void filter(const std::vector<bool>& keep);

 private:
  enum Part { Model, Dataset, Scorer, Searcher, Recovery, Measure, Files, part_count };

  void take_apart();
  void tell_versions();
  Codes parts_of(const Grouping& groups, Part which, const std::function<NamedPart(std::size_t)>& made);
  std::uint32_t part(Part which, NamedPart made);

  store::DetailedCells stored_;
  NamedRows rows_;
  Codes stored_keys_;                    // one a row
  std::array<Codes, part_count> parts_;  // of each one a row
  std::array<std::vector<NamedPart>, part_count> known_;
  std::array<std::unordered_map<std::string, std::uint32_t>, part_count> places_;
  Codes versions_;  // told apart by nothing but their keys: 1, 2, ...; empty: all are 1
  std::int64_t left_out_ = 0;
};

// All that the view `cells` says.
std::vector<std::string> columns_of_cells();

}  // namespace espalier::report
