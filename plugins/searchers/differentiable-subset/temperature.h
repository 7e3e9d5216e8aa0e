// How the temperature of the soft top-K falls while it is trained.
#pragma once

#include <cmath>
#include <cstdint>

namespace differentiable_subset {

// Geometric, from `first` to `last` within `steps` optimiser steps.
struct Cooling {
  std::int64_t steps = 0;
  double first = 1000;
  double last = 1e-8;
};

// tau(s) = exp(ln first - s / steps * (ln first - ln last)) up to the last step of cooling, then last.
inline double temperature_at(std::int64_t step, const Cooling& cooling) {
  if (step >= cooling.steps) return cooling.last;
  const double share = static_cast<double>(step) / static_cast<double>(cooling.steps);
  return std::exp(std::log(cooling.first) - share * (std::log(cooling.first) - std::log(cooling.last)));
}

}  // namespace differentiable_subset
