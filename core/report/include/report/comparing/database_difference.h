// Two databases cell by cell: which cells both hold, and whether they came to the same.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::report {

// One thing that a cell has otherwise in the two databases.
struct DifferenceOfCell {
  std::string what;      // state, points, mask, predictions, or the name of a value of a point
  std::string point;     // "1 pruned"; empty: of the cell
  std::string one, two;  // as they are in the first and in the second
  double distance = std::numeric_limits<double>::quiet_NaN();  // of numbers
};

struct DatabaseDifference {
  std::int64_t cells_of_one = 0, cells_of_two = 0;
  std::vector<std::string> only_in_one, only_in_two;               // keys
  std::int64_t equal = 0;                                          // of those that both hold
  std::int64_t not_computed = 0;                                   // of those that are equal: done in neither
  std::map<std::string, std::vector<DifferenceOfCell>> differing;  // by key

  bool is_empty() const { return only_in_one.empty() && only_in_two.empty() && differing.empty(); }
};

// Of one experiment each; of all where its name is empty. What was measured counts, not when, where and how long; numbers
// that lie within `tolerance` of each other are equal.
DatabaseDifference difference_of(const store::ResultStore& one, const std::string& experiment_of_one,
                                 const store::ResultStore& two, const std::string& experiment_of_two, double tolerance);

// `one` and `two` name the databases.
std::string as_text(const DatabaseDifference& difference, const std::string& one, const std::string& two);
nlohmann::ordered_json as_json(const DatabaseDifference& difference, const std::string& one, const std::string& two);

}  // namespace espalier::report
