// What a table says against itself: found without any run, by general rules and by closed forms of known architectures.
// Nothing is found where rounding could explain it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "published/reference.h"

namespace espalier::published {

struct TableFinding {
  std::string rule;   // as in parameters
  std::string where;  // file:line, or a cell's key
  std::string found, expected;
  std::string sentence;
};

// What a check needs and nobody said, so that it was not made.
struct Forensics {
  std::vector<TableFinding> findings;
  std::vector<std::string> skipped;
};

Forensics check_table(const PublishedTable& table);

// One measured state of a database's cell. Sparsities and shares are fractions.
struct OwnPoint {
  std::string key, state;  // of the cell: done, failed, waiting, running
  std::string model, dataset, granularity, scorer, scope, sites, split;
  std::string setting;  // of the base model: all that two dense points must share to be one
  std::int64_t seed = 0;
  bool dense = false;
  bool last = false;
  std::optional<double> requested_sparsity, achieved_sparsity;
  std::int64_t examples = 0;
  std::int64_t parameters_dense = 0, parameters_removed = 0, parameters_total = 0;
  std::map<std::string, double> metrics;  // by the names of the database, flops and parameters_total among them
};

// The same of what was measured here: accuracies are k of N, parameters fit the sparsity, dense points agree.
Forensics check_own(const std::vector<OwnPoint>& points);

}  // namespace espalier::published
