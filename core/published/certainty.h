// How far a value of a finite test set can lie from the true one.
#pragma once

#include <cmath>
#include <cstdint>

namespace espalier::published {

// Standard error of a share of so many examples.
inline double share_error(double share, std::int64_t examples) {
  if (examples <= 0 || !(share >= 0 && share <= 1)) return 0;
  return std::sqrt(share * (1 - share) / static_cast<double>(examples));
}

// That a normal number of this mean and standard error is above 0.
inline double probability_above_zero(double mean, double error) {
  if (error <= 0) return mean > 0 ? 1 : mean < 0 ? 0 : 0.5;
  return 0.5 * std::erfc(-mean / error / std::sqrt(2.0));
}

}  // namespace espalier::published
