#include "report/comparing/levels.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "axes.h"
#include "measured_rows.h"
#include "slice.h"
#include "statistics/ranks.h"
#include "words/names.h"

namespace espalier::report {
namespace {

using ByLevel = std::map<std::string, std::vector<double>>;  // values of the seeds

MeasuredRows measured_rows(const store::ResultStore& store, const std::string& experiment, const LevelsRequest& request,
                           const std::vector<store::NewCell>* cells_of_file) {
  auto cells = cells_of_file == nullptr ? CellRows(store, experiment) : CellRows(store, experiment, *cells_of_file);
  if (cells_of_file == nullptr) cells.leave_out_earlier();
  check_axis(request.axis, cells);
  take_slice(cells, request.only);
  return MeasuredRows(std::move(cells), store.points(cells_of_file == nullptr ? experiment : ""),
                      store::Rows{{"key", "batch"}, {}}, false, false);
}

std::string block_of(const MeasuredRows& measured, const Entry& entry, const std::string& compared,
                     const std::vector<std::string>& differences) {
  std::string block;
  const auto add = [&](const std::string& axis) {
    if (axis != compared) block += measured.axis(entry, axis).text + '\n';
  };
  for (const auto& axis : separate_axes()) add(axis);
  for (const char* axis : {"budget", "requested", "version"}) add(axis);
  // What belongs to a level (a scorer's samples) is part of it.
  for (const auto& axis : differences) {
    if (!axis.starts_with(compared + ".")) add(axis);
  }
  return block;
}

std::map<std::string, ByLevel> blocks_of(const MeasuredRows& measured, const std::string& axis,
                                         const std::string& value) {
  std::map<std::string, ByLevel> blocks;
  const auto differences = measured.cells().differences().axes;
  for (const auto& entry : measured.entries()) {
    const auto number = measured.value(entry, value);
    if (!number || !std::isfinite(*number)) continue;
    blocks[block_of(measured, entry, axis, differences)][measured.axis(entry, axis).text].push_back(*number);
  }
  return blocks;
}

std::vector<std::string> levels_of(const std::map<std::string, ByLevel>& blocks) {
  std::vector<std::string> levels;
  for (const auto& [block, values] : blocks) {
    for (const auto& [level, numbers] : values) {
      if (!contains(levels, level)) levels.push_back(level);
    }
  }
  return levels;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Runs of levels, the best first, whose mean ranks lie within the critical difference; none inside of another.
std::vector<std::pair<std::size_t, std::size_t>> groups_of(const std::vector<Level>& levels, double difference) {
  std::vector<std::pair<std::size_t, std::size_t>> groups;
  for (std::size_t first = 0; first < levels.size(); ++first) {
    auto last = first;
    while (last + 1 < levels.size() && levels[last + 1].mean_rank - levels[first].mean_rank <= difference) ++last;
    if (last > first && (groups.empty() || last > groups.back().second)) groups.emplace_back(first, last);
  }
  return groups;
}

void compare_pairs(LevelComparison& made, const LevelsRequest& request) {
  for (std::size_t one = 0; one < made.levels.size(); ++one) {
    for (auto other = one + 1; other < made.levels.size(); ++other) {
      const auto &first = made.levels[one], &second = made.levels[other];
      LevelPair pair{first.name, second.name, first.mean - second.mean, made.p, ""};
      if (made.levels.size() > 2) {
        pair.p = statistics::nemenyi(second.mean_rank - first.mean_rank, made.levels.size(),
                                     static_cast<std::size_t>(made.blocks));
      }
      // Nemenyi's comparisons count only where Friedman's test finds any difference.
      pair.verdict = pair.p < request.level && made.p < request.level ? "differ" : "not told apart";
      if (request.negligible && std::abs(pair.difference) <= *request.negligible) pair.verdict = "equal in practice";
      made.pairs.push_back(std::move(pair));
    }
  }
}

void add_footnotes(LevelComparison& made, const LevelsRequest& request) {
  made.footnotes.push_back(
      fmt::format("{} over {} that all levels share: every axis but {} and the seeds, over which values are averaged",
                  made.value, made.blocks == 1 ? "1 block" : fmt::format("{} blocks", made.blocks), made.axis));
  if (made.incomplete_blocks > 0)
    made.footnotes.push_back(
        fmt::format("left out: {} that not all levels were measured in",
                    made.incomplete_blocks == 1 ? "1 block" : fmt::format("{} blocks", made.incomplete_blocks)));
  made.footnotes.push_back(made.levels.size() > 2
                               ? fmt::format("{} test: chi-square {:.4g}, p {:.3g}; pairs by Nemenyi at level {}",
                                             "Friedman", made.statistic, made.p, request.level)
                               : fmt::format("Wilcoxon's signed rank test: smaller sum {:.4g}, p {:.3g}, level {}",
                                             made.statistic, made.p, request.level));
  if (made.p >= request.level) made.footnotes.emplace_back("no difference between the levels was found");
  if (request.negligible)
    made.footnotes.push_back(fmt::format("equal in practice: means no more than {} apart", *request.negligible));
}

void test_levels(LevelComparison& made, const statistics::Blocks& blocks, const LevelsRequest& request) {
  if (made.levels.size() > 2) {
    const auto test = statistics::friedman(blocks);
    made.test = "friedman";
    made.statistic = test.statistic;
    made.p = test.p;
    made.critical_difference =
        statistics::nemenyi_critical_difference(made.levels.size(), blocks.size(), request.level);
    return;
  }
  std::vector<double> first, second;
  for (const auto& block : blocks) {
    first.push_back(block[0]);
    second.push_back(block[1]);
  }
  const auto test = statistics::wilcoxon(first, second);
  made.test = "wilcoxon";
  made.statistic = test.statistic;
  made.p = test.p;
}

}  // namespace

LevelComparison compare_levels(const store::ResultStore& store, const std::string& experiment,
                               const LevelsRequest& request, const std::vector<store::NewCell>* cells_of_file) {
  const auto measured = measured_rows(store, experiment, request, cells_of_file);
  LevelComparison made;
  made.experiment = experiment;
  made.axis = request.axis;
  made.value = request.value.empty() ? main_metric(measured) : request.value;
  if (!contains(known_values(), made.value)) throw SettingsError(unknown_name("value", made.value, known_values()));
  const int direction = better(made.value);
  if (direction == 0)
    throw SettingsError("--compare: of " + made.value +
                        " neither more nor less is better\n    choose a metric by --value");
  const auto all = blocks_of(measured, made.axis, made.value);
  const auto levels = levels_of(all);
  if (levels.size() < 2) {
    throw SettingsError(fmt::format("--compare {}: {} {} measured, expected two or more{}", made.axis,
                                    levels.size(), levels.size() == 1 ? "level was" : "levels were",
                                    levels.empty() ? "" : "\n    found: " + join(levels)));
  }
  statistics::Blocks better_is_more;
  std::vector<double> sums(levels.size());
  for (const auto& [block, values] : all) {
    if (values.size() < levels.size()) {
      ++made.incomplete_blocks;
      continue;
    }
    auto& row = better_is_more.emplace_back();
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const double mean = mean_of(values.at(levels[i]));
      sums[i] += mean;
      row.push_back(direction * mean);
    }
  }
  if (better_is_more.empty()) {
    throw SettingsError(fmt::format(
        "--compare {}: no block of the grid has all of {}\n    choose levels that share cells by --only {}=...",
        made.axis, join(levels), made.axis));
  }
  made.blocks = static_cast<std::int64_t>(better_is_more.size());
  const auto ranks = statistics::mean_ranks(better_is_more);
  for (std::size_t i = 0; i < levels.size(); ++i)
    made.levels.push_back({levels[i], ranks[i], sums[i] / static_cast<double>(better_is_more.size())});
  std::stable_sort(made.levels.begin(), made.levels.end(),
                   [](const Level& one, const Level& other) { return one.mean_rank < other.mean_rank; });
  test_levels(made, better_is_more, request);
  compare_pairs(made, request);
  if (made.critical_difference && made.p < request.level)
    made.groups = groups_of(made.levels, *made.critical_difference);
  else if (made.p >= request.level)
    made.groups = {{0, made.levels.size() - 1}};
  add_footnotes(made, request);
  return made;
}

}  // namespace espalier::report
