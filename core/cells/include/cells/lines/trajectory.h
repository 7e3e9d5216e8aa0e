// Values over achieved sparsity, and what stands between two of them: the line between the neighbours. Tables and verdicts
// read it in this one way.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace espalier {

struct TrajectoryPoint {
  double sparsity = 0;  // all points of a trajectory in one unit
  double value = 0;
  bool broken = false;  // failed, not run or diverged: no line leads there
};

struct Interpolation {
  double value = 0;
  double slope = 0;                 // of the line, a unit of sparsity
  std::size_t left = 0, right = 0;  // the neighbours; the same one where the sparsity is that of a point
};

// Of points in rising order. nullopt outside of them, and where a neighbour is broken.
std::optional<Interpolation> interpolate(const std::vector<TrajectoryPoint>& points, double sparsity);

}  // namespace espalier
