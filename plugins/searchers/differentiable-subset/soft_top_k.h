// The soft top-K of differentiable subset pruning: of n keys r and a temperature t, gates that sum to K and become the
// K-hot of the largest keys as t falls. A gate may exceed 1 where t is high, and where keys lie so far apart (over 700)
// that log(tiny) does not take a unit out of the running.
//
//   r^(1) = r          r^(j+1) = r^(j) + log(max(1 - p^(j), tiny))
//   p^(j) = softmax(r^(j) / t)          gates = p^(1) + ... + p^(K)
//
// Plain arithmetic in doubles: a graph of K softmaxes costs far more than the sums themselves.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace differentiable_subset {

inline constexpr double tiny = std::numeric_limits<double>::min();
// Among equal keys at a low temperature a derivative grows by 1 / t a round, and no double would hold it in the end.
// The square of this one still fits.
inline constexpr double steepest = 1e150;

class SoftTopK {
 public:
  SoftTopK(std::vector<double> keys, std::size_t count, double temperature)
      : units_(keys.size()), temperature_(temperature), shares_(units_ * count), gates_(units_, 0.0) {
    for (std::size_t round = 0; round < count; ++round) {
      double* p = &shares_[round * units_];
      const double largest = *std::max_element(keys.begin(), keys.end());
      for (std::size_t i = 0; i < units_; ++i) p[i] = std::exp((keys[i] - largest) / temperature);
      const double sum = std::accumulate(p, p + units_, 0.0);
      for (std::size_t i = 0; i < units_; ++i) p[i] /= sum;
      for (std::size_t i = 0; i < units_; ++i) gates_[i] += p[i];
      for (std::size_t i = 0; i < units_; ++i) keys[i] += std::log(std::max(1 - p[i], tiny));
    }
  }

  const std::vector<double>& gates() const { return gates_; }

  // dL/dkeys from dL/dgates. From the last round to the first, with a = dL/dr^(j+1) and b = dL/dp^(j):
  //
  //   b_i = by_gates_i - a_i / (1 - p_i)          dL/dr^(j)_i = a_i + p_i (b_i - sum_k p_k b_k) / t
  //
  // The second term of b_i is absent where 1 - p_i does not exceed tiny.
  std::vector<double> gradient(const std::vector<double>& by_gates) const {
    std::vector<double> by_keys(units_, 0.0), by_shares(units_);
    for (std::size_t begin = shares_.size(); begin > 0;) {
      begin -= units_;
      const double* p = &shares_[begin];
      for (std::size_t i = 0; i < units_; ++i) {
        const double left = 1 - p[i];
        by_shares[i] = by_gates[i] - (left > tiny ? by_keys[i] / left : 0);
      }
      // Where one unit has nearly the whole share, its b is huge and p (b - sum) would cancel: 1 - p is multiplied out.
      const auto top = static_cast<std::size_t>(std::max_element(p, p + units_) - p);
      const double left = 1 - p[top];
      const double of_others = std::inner_product(p, p + top, by_shares.begin(), 0.0) +
                               std::inner_product(p + top + 1, p + units_, by_shares.begin() + top + 1, 0.0);
      const double sum = p[top] * by_shares[top] + of_others;
      const double of_top = by_gates[top] * left - (left > tiny ? by_keys[top] : 0) - of_others;
      const double by_top = by_keys[top] + p[top] * of_top / temperature_;
      for (std::size_t i = 0; i < units_; ++i) by_keys[i] += p[i] * (by_shares[i] - sum) / temperature_;
      by_keys[top] = by_top;
      for (auto& derivative : by_keys) derivative = std::clamp(derivative, -steepest, steepest);
    }
    return by_keys;
  }

 private:
  std::size_t units_;
  double temperature_;
  std::vector<double> shares_;  // [count, units]: p^(1), p^(2), ...
  std::vector<double> gates_;
};

}  // namespace differentiable_subset
