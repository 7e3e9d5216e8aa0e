// The values of one axis against each other, as scorers are over models, datasets and sparsities: which of them differ by
// more than chance?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/comparing/rope.h"
#include "report/table.h"

namespace espalier::report {

struct ComparedLevel {
  std::string name;
  double mean_rank = 0;  // 1 for the best of every block
  double mean = 0;       // of the value, over the blocks
};

struct ComparedPair {
  std::string one, other;  // the one has the better mean rank
  std::string test;
  double p = 1, corrected_p = 1;  // corrected for all pairs
  double difference = 0;          // of the means, one less other
  Tested verdict = Tested::Not;   // of the one beside the other
};

struct AxisComparison {
  std::string experiment, axis, value;
  std::vector<std::string> block_axes;  // what tells blocks apart
  std::size_t blocks = 0;               // with a value of every level
  std::size_t incomplete = 0;           // left out for the want of one
  std::vector<ComparedLevel> levels;    // by mean rank
  std::string test;                     // of all levels together
  double statistic = 0, p = 1, level = 0.05;
  std::optional<double> critical_difference;     // of mean ranks; none for two levels
  std::vector<std::vector<std::string>> groups;  // levels that are not told apart, the largest such groups
  std::vector<ComparedPair> pairs;
  std::optional<RopeComparison> rope;  // where it was asked for
  std::vector<std::string> footnotes;
};

// Blocks are the rows of the table that has the axis as columns: of all else that varies, seeds averaged, or of `rows` where
// the request names them. Friedman's test, then Nemenyi's, of three levels and more; Wilcoxon's of two. The level is the
// request's `significance`, 0.05 without. With a `rope`, also the Bayesian signed-rank test of each pair. Throws SettingsError where the axis or value cannot be compared.
AxisComparison compare_axis(const store::ResultStore& store, const std::string& experiment, const std::string& axis,
                            TableRequest request, const std::vector<store::NewCell>* cells_of_file = nullptr);

std::string render(const AxisComparison& comparison, Format format);

}  // namespace espalier::report
