// What a reader must know to trust a table: what was measured, averaged, missed and lost.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "marks/cut_cells.h"
#include "report/table.h"

namespace espalier::report {

// Collected while the table is made.
struct Findings {
  std::set<std::string> splits, computes;
  std::map<std::string, std::set<std::string>> averaged;  // axes that were named for it, with what they held
  std::set<std::int64_t> seeds, base_seeds, examples;
  bool merged_experiments = false;
  bool dense_differs = false;                    // an unpruned model was measured with several results
  bool shared = false;                           // seeds that change nothing were counted once
  bool two_values = false;                       // a range stands where an interval would say nothing
  std::map<std::string, std::int64_t> failures;  // first line of the reason
  std::int64_t measured = 0, failed = 0, missing = 0, without = 0, not_numbers = 0, unproven = 0, diverged = 0;
  std::map<std::string, std::int64_t> computed_on;  // kinds of devices, with the cells that each computed
  std::int64_t in_smaller_pieces = 0;               // cells that went on so when a GPU's memory did not suffice
  std::set<std::string> timed_on;                   // kinds of devices whose times stand in one column
  bool no_energy = false;                           // asked for, and not measurable where cells were timed
  std::int64_t earlier = 0;                         // of the experiment, and not of its file
  bool of_database = false;                         // no experiment file was given
  std::int64_t left_out = 0;                        // by --only
  std::string only;
  std::vector<std::string> differences;      // names that stand for several things
  std::vector<std::string> added;            // axes that nobody asked for and that keep values apart
  std::vector<std::string> notes;            // more sentences, of latencies and plugins' files
  std::vector<std::string> tests;            // what was tested and what could not be
  std::vector<std::string> levels;           // what was read off a line and what could not be
  std::unordered_map<std::string, Cut> cut;  // by key
  TableCell cut_cells;                       // how many of each kind, each cell once
  // Requested sparsity to the range that was achieved, where it is not what was asked for.
  std::map<double, std::pair<double, double>> achieved;
};

std::vector<std::string> footnotes(const Findings& findings, const Table& table);

}  // namespace espalier::report
