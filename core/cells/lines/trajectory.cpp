#include "cells/lines/trajectory.h"

namespace espalier {

std::optional<Interpolation> interpolate(const std::vector<TrajectoryPoint>& points, double sparsity) {
  for (std::size_t right = 0; right < points.size(); ++right) {
    const auto& to = points[right];
    if (to.sparsity < sparsity) continue;
    if (to.sparsity == sparsity)
      return to.broken ? std::nullopt : std::optional(Interpolation{to.value, 0, right, right});
    if (right == 0 || to.broken || points[right - 1].broken) return std::nullopt;
    const auto& from = points[right - 1];
    const double slope = (to.value - from.value) / (to.sparsity - from.sparsity);
    return Interpolation{from.value + slope * (sparsity - from.sparsity), slope, right - 1, right};
  }
  return std::nullopt;
}

}  // namespace espalier
