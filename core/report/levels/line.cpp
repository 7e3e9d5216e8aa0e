#include "line.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace espalier::report {

std::vector<TrajectoryPoint> StepBook::trajectory(const std::vector<ComputedPoint>& computations,
                                                  const std::string& value) const {
  struct Step {
    double sparsity = 0, value = 0;
    std::size_t count = 0;
    bool diverged = false;
  };
  std::map<double, Step> steps;  // by number
  for (const auto& computation : computations) {
    const auto rows = rows_of_.find(computation.key);
    if (rows == rows_of_.end()) continue;
    // Where a step is repaired, what stands before the repair is no result: later points of a step replace earlier ones.
    std::map<double, std::size_t> last_of;
    for (const auto row : rows->second) {
      if (points_.text(row, "kind") != "dense") last_of[points_.number(row, "step").value_or(0)] = row;
    }
    for (const auto& [number, row] : last_of) {
      const auto sparsity = points_.number(row, "achieved_sparsity"), found = points_.number(row, value);
      if (!sparsity || !found || !std::isfinite(*found)) continue;
      auto& step = steps[number];
      step.sparsity += *sparsity;
      step.value += *found;
      step.diverged = step.diverged || points_.text(row, "kind") == "diverged";
      ++step.count;
    }
  }
  std::vector<TrajectoryPoint> points;
  for (const auto& [number, step] : steps) {
    const auto count = static_cast<double>(step.count);
    points.push_back({step.sparsity / count, step.value / count, step.diverged || step.count < computations.size()});
  }
  return points;
}

void Line::add(const TrajectoryPoint& point, const TableCell* place) {
  points.push_back(point);
  places.push_back(place);
}

void Line::sort() {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t one, std::size_t other) { return points[one].sparsity < points[other].sparsity; });
  Line sorted;
  for (const auto at : order) sorted.add(points[at], places[at]);
  points = std::move(sorted.points);
  places = std::move(sorted.places);
}

}  // namespace espalier::report
