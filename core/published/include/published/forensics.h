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

// One forward pass of the pruned model as it was timed, with its interval.
struct OwnPass {
  double milliseconds = 0, low = 0, high = 0;
  std::string device;
};

// One measured state of a database's cell. Sparsities and shares are fractions.
struct OwnPoint {
  std::string key, state;  // of the cell: done, failed, waiting, running
  std::string model, dataset, granularity, scorer, scope, sites, split;
  std::string setting;   // of the base model: all that two dense points must share to be one
  std::string language;  // of the data set, where it has one
  std::int64_t seed = 0, step = 0;
  std::string kind;  // dense, pruned, recovered or diverged
  bool dense = false;
  bool last = false;
  bool current = true;  // false: of an earlier version of the experiment, which does not hold it any more
  std::optional<double> requested_sparsity, achieved_sparsity;
  std::int64_t examples = 0;
  std::int64_t parameters_dense = 0, parameters_removed = 0, parameters_total = 0;
  std::map<std::string, double> metrics;   // by the names of the database, flops and parameters_total among them
  std::map<std::int64_t, OwnPass> passes;  // by the batch
  std::map<std::string, double>
      sparsity_by_kind;  // of site: encoder-self, decoder-self, decoder-cross; empty: not known
};

// The same of what was measured here: accuracies are k of N, parameters fit the sparsity, dense points agree.
Forensics check_own(const std::vector<OwnPoint>& points);

}  // namespace espalier::published
