// Values over achieved sparsity, and what a column between two of them shows: the line between the neighbours.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace espalier::published {

struct TrajectoryPoint {
  double sparsity = 0;  // percent
  double value = 0;
};

struct Interpolation {
  double value = 0;
  double slope = 0;  // of the line, a percent of sparsity
  std::size_t left = 0, right = 0;
};

// Of points in rising order; nullopt outside of them.
std::optional<Interpolation> interpolate(const std::vector<TrajectoryPoint>& points, double sparsity);

}  // namespace espalier::published
