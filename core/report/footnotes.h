// What a reader must know to trust a table: what was measured, averaged, missed and lost.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "report/table.h"

namespace espalier::report {

// Collected while the table is made.
struct Findings {
  std::set<std::string> splits, computes, merged;  // merged: axes of which one table cell holds several values
  std::set<std::int64_t> seeds, base_seeds, examples;
  bool merged_alike = false;  // cells that no axis tells apart share a place
  bool merged_experiments = false;
  bool dense_differs = false;                    // an unpruned model was measured with several results
  std::map<std::string, std::int64_t> failures;  // first line of the reason
  std::int64_t measured = 0, failed = 0, missing = 0, without = 0, unproven = 0, diverged = 0;
  // Requested sparsity to the range that was achieved, where it is not what was asked for.
  std::map<double, std::pair<double, double>> achieved;
};

std::vector<std::string> footnotes(const Findings& findings, const Table& table);

}  // namespace espalier::report
