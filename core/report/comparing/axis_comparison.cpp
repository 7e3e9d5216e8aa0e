#include "report/comparing/axis_comparison.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "axes.h"
#include "significance/significance.h"
#include "statistics/ranks.h"
#include "words/names.h"

namespace espalier::report {
namespace {

constexpr double usual_level = 0.05;

void check_request(const std::string& axis, const TableRequest& request) {
  if (!request.at.empty())
    throw SettingsError(fmt::format(
        "--compare {}: values that were read off a line are not compared\n    expected no --at; leave it out", axis));
  if (!request.fits_columns)
    throw SettingsError(fmt::format(
        "--compare {}: the axis compared stands in the columns\n    expected no --columns; leave it out", axis));
  if (contains(request.rows, axis) && !request.fits_rows)
    throw SettingsError(fmt::format(
        "--compare {}: the axis is also one of the rows\n    expected it in --compare alone; leave it out of --rows",
        axis));
}

// Of the one value that is compared: 1 where more is better, -1 where less is.
int direction_of(const Table& table, const std::string& axis) {
  if (table.column_axes.size() > 1)
    throw SettingsError(fmt::format(
        "--compare {}: times of several batches cannot stand in one comparison\n    expected --rows with batch in it",
        axis));
  const int direction = table.shown().size() == 1 ? better(table.value_of(0).name) : 0;
  if (direction == 0)
    throw SettingsError(
        fmt::format("--compare {}: the value is {}\n    expected one value of which more, or less, is better, as in "
                    "--value accuracy",
                    axis, table.value));
  return direction;
}

// Of the table's rows, those with a value in every column; more is better in all of them.
statistics::Blocks complete_blocks(const Table& table, int direction, AxisComparison& comparison) {
  statistics::Blocks blocks;
  for (const auto& row : table.rows) {
    if (row.dense) continue;
    std::vector<double> block;
    for (const auto& cell : row.cells) {
      if (cell.mean) block.push_back(direction * *cell.mean);
    }
    if (block.size() == row.cells.size())
      blocks.push_back(block);
    else
      ++comparison.incomplete;
  }
  comparison.blocks = blocks.size();
  return blocks;
}

void check_table(const Table& table, const statistics::Blocks& blocks, const AxisComparison& comparison) {
  if (table.columns.size() < 2)
    throw SettingsError(
        fmt::format("--compare {0}: found {1} of {0}\n    expected two or more to set against each other",
                    comparison.axis, table.columns.empty() ? "no value" : "one value"));
  if (blocks.size() < 2)
    throw SettingsError(
        fmt::format("--compare {}: found {} of {} blocks ({}) with a value of all {} levels\n    expected two or "
                    "more\n    run more "
                    "cells, or choose the levels that share some by --only",
                    comparison.axis, blocks.size(), blocks.size() + comparison.incomplete, join(comparison.block_axes),
                    table.columns.size()));
}

// Levels from the best mean rank on; returns which column each was.
std::vector<std::size_t> rank_levels(const Table& table, const statistics::Blocks& blocks, int direction,
                                     AxisComparison& comparison) {
  const auto ranks = statistics::mean_ranks(blocks);
  std::vector<std::size_t> order(ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t one, std::size_t other) { return ranks[one] < ranks[other]; });
  for (const auto column : order) {
    double sum = 0;
    for (const auto& block : blocks) sum += block[column];
    comparison.levels.push_back(
        {table.columns[column].front().text, ranks[column], direction * sum / static_cast<double>(blocks.size())});
  }
  return order;
}

ComparedPair pair_of(const ComparedLevel& one, const ComparedLevel& other, const char* test, double p) {
  ComparedPair pair;
  pair.one = one.name;
  pair.other = other.name;
  pair.test = test;
  pair.p = pair.corrected_p = p;
  pair.difference = one.mean - other.mean;
  return pair;
}

void test_two(const statistics::Blocks& blocks, const std::vector<std::size_t>& order, AxisComparison& comparison) {
  std::vector<double> first, second;
  for (const auto& block : blocks) {
    first.push_back(block[order[0]]);
    second.push_back(block[order[1]]);
  }
  const auto test = statistics::wilcoxon(first, second);
  comparison.test = "Wilcoxon signed rank";
  comparison.statistic = test.statistic;
  comparison.p = test.p;
  auto pair = pair_of(comparison.levels[0], comparison.levels[1], "Wilcoxon", test.p);
  // The test is of the sizes of differences, which need not lie on the side that most blocks do.
  const bool one_ahead =
      std::accumulate(first.begin(), first.end(), 0.0) >= std::accumulate(second.begin(), second.end(), 0.0);
  pair.verdict = test.p >= comparison.level ? Tested::Same : one_ahead ? Tested::Better : Tested::Worse;
  comparison.pairs.push_back(pair);
}

// Pairs are told apart only where the levels together are, as autorank has it.
void test_many(const statistics::Blocks& blocks, AxisComparison& comparison) {
  const auto test = statistics::friedman(blocks);
  const auto& levels = comparison.levels;
  comparison.test = "Friedman";
  comparison.statistic = test.statistic;
  comparison.p = test.p;
  comparison.critical_difference =
      statistics::nemenyi_critical_difference(levels.size(), blocks.size(), comparison.level);
  for (std::size_t one = 0; one < levels.size(); ++one) {
    for (std::size_t other = one + 1; other < levels.size(); ++other) {
      const double apart = levels[other].mean_rank - levels[one].mean_rank;
      auto pair =
          pair_of(levels[one], levels[other], "Nemenyi", statistics::nemenyi(apart, levels.size(), blocks.size()));
      const bool differ = test.p < comparison.level && apart > *comparison.critical_difference;
      pair.verdict = differ ? Tested::Better : Tested::Same;
      comparison.pairs.push_back(pair);
    }
  }
}

// Of levels in the order of their ranks, the longest runs whose ends are not told apart.
void group_levels(AxisComparison& comparison) {
  const auto& levels = comparison.levels;
  const auto same = [&](std::size_t one, std::size_t other) {
    return std::any_of(comparison.pairs.begin(), comparison.pairs.end(), [&](const ComparedPair& pair) {
      return pair.one == levels[one].name && pair.other == levels[other].name && pair.verdict == Tested::Same;
    });
  };
  std::size_t covered = 0;
  for (std::size_t first = 0; first < levels.size(); ++first) {
    std::size_t last = first;
    while (last + 1 < levels.size() && same(first, last + 1)) ++last;
    if (last == first || last <= covered) continue;
    covered = last;
    auto& group = comparison.groups.emplace_back();
    for (auto level = first; level <= last; ++level) group.push_back(levels[level].name);
  }
}

void add_footnotes(const Table& table, AxisComparison& comparison) {
  comparison.footnotes.push_back(fmt::format("{} blocks: {}; what varies else, seeds too, is averaged in each",
                                             comparison.blocks, join(comparison.block_axes)));
  if (comparison.incomplete > 0)
    comparison.footnotes.push_back(fmt::format("{} {} left out, without a value of every level", comparison.incomplete,
                                               comparison.incomplete == 1 ? "block is" : "blocks are"));
  comparison.footnotes.push_back(
      comparison.critical_difference
          ? fmt::format(
                "pairs: Nemenyi's test, corrected for all pairs, level {}; none differs where Friedman's does not",
                comparison.level)
          : fmt::format("level {}", comparison.level));
  comparison.footnotes.insert(comparison.footnotes.end(), table.footnotes.begin(), table.footnotes.end());
}

}  // namespace

AxisComparison compare_axis(const store::ResultStore& store, const std::string& experiment, const std::string& axis,
                            TableRequest request, const std::vector<store::NewCell>* cells_of_file) {
  check_request(axis, request);
  AxisComparison comparison;
  comparison.level = request.significance.value_or(usual_level);
  check_level(comparison.level);
  if (request.fits_rows) std::erase(request.rows, axis);
  request.columns = {axis};
  request.fits_columns = false;
  request.significance = std::nullopt;
  const auto table = make_table(store, experiment, request, cells_of_file);
  comparison.experiment = table.experiment;
  comparison.axis = axis;
  comparison.value = table.value;
  comparison.block_axes = table.row_axes;
  const int direction = direction_of(table, axis);
  const auto blocks = complete_blocks(table, direction, comparison);
  check_table(table, blocks, comparison);
  const auto order = rank_levels(table, blocks, direction, comparison);
  if (order.size() == 2)
    test_two(blocks, order, comparison);
  else
    test_many(blocks, comparison);
  group_levels(comparison);
  if (request.rope) {
    std::vector<std::string> names;
    for (const auto& level : comparison.levels) names.push_back(level.name);
    comparison.rope = compare_with_rope(blocks, names, order, *request.rope, comparison.level);
  }
  add_footnotes(table, comparison);
  return comparison;
}

}  // namespace espalier::report
