// The levels of one axis, scorers for example, against each other over all else that they share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

struct LevelsRequest {
  std::string axis;        // whose levels are compared
  std::string value = "";  // empty: the task's main metric
  std::string only = "";   // a slice of the cells
  double level = 0.05;
  std::optional<double> negligible = std::nullopt;  // differences of means up to this are equal in practice
};

struct Level {
  std::string name;
  double mean_rank = 0, mean = 0;  // 1 is the best rank
};

// Two levels: by the critical difference where there are three levels or more, else by the test itself.
struct LevelPair {
  std::string one, other;  // one has the better mean rank
  double difference = 0;   // of the means, one minus other
  double p = 1;            // corrected for all pairs
  std::string verdict;     // differ, not told apart; with a negligible difference given also equal in practice
};

// A block is what the levels share: model, dataset, granularity, budget and every other axis but the seeds, over which values
// are averaged, since seeds are no independent problems. A level stands in each block or the block is left out.
struct LevelComparison {
  std::string experiment, axis, value;
  std::vector<Level> levels;  // the best first
  std::int64_t blocks = 0, incomplete_blocks = 0;
  std::string test;  // friedman, wilcoxon
  double statistic = 0, p = 1;
  std::optional<double> critical_difference;                // of mean ranks, after Nemenyi; absent for two levels
  std::vector<std::pair<std::size_t, std::size_t>> groups;  // first and last of those that are not told apart
  std::vector<LevelPair> pairs;
  std::vector<std::string> footnotes;
};

// Friedman and Nemenyi for three levels or more, Wilcoxon's signed ranks for two. Throws SettingsError for an axis or value
// that is not known or has no better direction, and where there are fewer than two levels or no block holds all of them.
LevelComparison compare_levels(const store::ResultStore& store, const std::string& experiment,
                               const LevelsRequest& request,
                               const std::vector<store::NewCell>* cells_of_file = nullptr);

std::string render(const LevelComparison& comparison, Format format);

}  // namespace espalier::report
