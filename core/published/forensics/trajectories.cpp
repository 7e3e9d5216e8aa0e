#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "cells/lines/trajectory.h"
#include "rules.h"

namespace espalier::published {

namespace {

using Cells = std::vector<const PublishedCell*>;

// Measured iterations, by series, in their order.
std::map<std::string, Cells> trajectories(const PublishedTable& table) {
  std::map<std::string, Cells> series;
  for (const auto& cell : table.cells) {
    if (cell.iteration && cell.achieved_sparsity && cell.kind == "measured") series[cell.series()].push_back(&cell);
  }
  for (auto& [name, cells] : series)
    std::sort(cells.begin(), cells.end(), [](auto* a, auto* b) { return *a->iteration < *b->iteration; });
  return series;
}

std::vector<TrajectoryPoint> points_of(const PublishedTable& table, const Cells& cells) {
  std::vector<TrajectoryPoint> points;
  for (const auto* cell : cells) points.push_back({*cell->achieved_sparsity, cell->value, false});
  std::stable_sort(points.begin(), points.end(), [](auto& a, auto& b) { return a.sparsity < b.sparsity; });
  if (cells.empty() || points.front().sparsity == 0) return points;
  for (const auto& dense : table.cells) {
    if (dense.granularity == "dense" && dense.model == cells[0]->model && dense.dataset == cells[0]->dataset &&
        dense.language == cells[0]->language && dense.metric == cells[0]->metric && dense.kind == "measured") {
      points.insert(points.begin(), {0, dense.value, false});
      break;
    }
  }
  return points;
}

// Means over the languages of an average that an iteration has.
std::vector<TrajectoryPoint> average_points(const PublishedTable& table, const PublishedCell& average) {
  std::map<std::int64_t, std::pair<double, std::vector<double>>> by_iteration;
  std::stringstream names(average.language);
  std::set<std::string> languages;
  for (std::string name; std::getline(names, name, '+');) languages.insert(name);
  for (const auto& cell : table.cells) {
    if (cell.iteration && cell.achieved_sparsity && cell.model == average.model && cell.scorer == average.scorer &&
        cell.granularity == average.granularity && cell.scope == average.scope && cell.metric == average.metric &&
        languages.count(cell.language) != 0) {
      auto& [sparsity, values] = by_iteration[*cell.iteration];
      sparsity = *cell.achieved_sparsity;
      values.push_back(cell.value);
    }
  }
  std::vector<TrajectoryPoint> points;
  for (const auto& [iteration, found] : by_iteration) {
    double sum = 0;
    for (const double value : found.second) sum += value;
    points.push_back({found.first, sum / static_cast<double>(found.second.size()), false});
  }
  return points;
}

}  // namespace

void check_monotone(const PublishedTable& table, Forensics& forensics) {
  for (const auto& [name, cells] : trajectories(table)) {
    for (std::size_t i = 1; i < cells.size(); ++i) {
      const auto &before = *cells[i - 1], &cell = *cells[i];
      if (*cell.achieved_sparsity <= *before.achieved_sparsity)
        add_finding(forensics, table, cell, "monotone-sparsity", fmt::format("{} %", *cell.achieved_sparsity),
                    fmt::format("more than {} %", *before.achieved_sparsity),
                    "each iteration prunes what the one before left");
      const bool shrinks = cell.metric == "gflops" || cell.metric == "parameters_million";
      if (shrinks && cell.value > before.value)
        add_finding(forensics, table, cell, "monotone-size", fmt::format("{}", cell.value),
                    fmt::format("at most {}", before.value), "a model that was pruned further is not larger");
    }
  }
}

void check_one_sparsity(const PublishedTable& table, Forensics& forensics) {
  std::map<std::string, std::map<double, Cells>> states;
  for (const auto& cell : table.cells) {
    if (!cell.iteration || !cell.achieved_sparsity) continue;
    states[fmt::format("{}\n{}\n{}\n{}\n{}", cell.model, cell.granularity, cell.scorer, cell.scope, *cell.iteration)]
          [*cell.achieved_sparsity]
              .push_back(&cell);
  }
  for (const auto& [state, sparsities] : states) {
    if (sparsities.size() < 2) continue;
    const auto most = std::max_element(sparsities.begin(), sparsities.end(),
                                       [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
    for (const auto& [sparsity, cells] : sparsities) {
      if (sparsity == most->first) continue;
      for (const auto* cell : cells)
        add_finding(
            forensics, table, *cell, "one-sparsity", fmt::format("{} %", sparsity), fmt::format("{} %", most->first),
            fmt::format("iteration {} of one model has one sparsity, whatever is measured of it; {} cells say so",
                        *cell->iteration, most->second.size()));
    }
  }
}

void check_interpolated(const PublishedTable& table, Forensics& forensics) {
  const auto series = trajectories(table);
  const double half = table.sparsity_half_unit();
  for (const auto& cell : table.cells) {
    if (!cell.requested_sparsity || (cell.kind != "interpolated" && cell.kind != "nearest")) continue;
    const bool average = cell.dataset == "average";
    const auto found = series.find(cell.series());
    const auto points = average                 ? average_points(table, cell)
                        : found != series.end() ? points_of(table, found->second)
                                                : std::vector<TrajectoryPoint>{};
    if (points.size() < 2) continue;
    const double unit = table.metrics.at(cell.metric).half_unit();
    if (cell.kind == "nearest") {
      if (std::abs(points.back().value - cell.value) > 2 * unit + 1e-9)
        add_finding(forensics, table, cell, "nearest", fmt::format("{}", cell.value),
                    fmt::format("{}", points.back().value), "the last measured value of its trajectory stands here");
      continue;
    }
    const auto line = interpolate(points, *cell.requested_sparsity);
    if (!line) {
      add_finding(forensics, table, cell, "interpolated", fmt::format("{}", cell.value), "a measured or nearest value",
                  "the trajectory does not reach this column on both sides");
      continue;
    }
    // Two printed ends, this printed value, and a line between two printed sparsities.
    const double rounding = 2 * unit + 2 * half * std::abs(line->slope) + 1e-9;
    if (std::abs(line->value - cell.value) > rounding)
      add_finding(forensics, table, cell, average ? "average" : "interpolated", fmt::format("{}", cell.value),
                  fmt::format("{:.5g} ± {:.2g}", line->value, rounding),
                  fmt::format("the line between its neighbours at {} and {} %{}", points[line->left].sparsity,
                              points[line->right].sparsity, average ? ", means over the languages" : ""));
  }
}

}  // namespace espalier::published
