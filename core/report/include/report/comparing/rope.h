// Levels of an axis two by two: is one better, or are they practically the same? Differences within a region of practical
// equivalence (rope) count as none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace espalier::report {

struct RopePair {
  std::string one, other;                  // the one has the better mean rank
  double better = 0, same = 0, worse = 0;  // probabilities of the one beside the other; together 1
  std::string verdict;  // better, same or worse where that is as probable as the level asks, else undecided
};

struct RopeComparison {
  double rope = 0;      // in units of the value
  double level = 0.05;  // a verdict needs a probability of at least 1 - level
  std::vector<RopePair> pairs;
};

// `blocks`: one row a block, one value a level, the larger the better; `names` of the levels, in the order of their ranks,
// and `order`, the column of each.
RopeComparison compare_with_rope(const std::vector<std::vector<double>>& blocks, const std::vector<std::string>& names,
                                 const std::vector<std::size_t>& order, double rope, double level);

std::vector<std::string> sentences(const RopeComparison& comparison);
nlohmann::ordered_json to_json(const RopeComparison& comparison);

}  // namespace espalier::report
