#include "statistics/bayesian.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace espalier::statistics {
namespace {

constexpr double pi = 3.14159265358979323846;

// Differences in rising order. Whether the mean of two lies above the region, or on its edge, is a matter of where the
// second stands in that order: below `first_on` it lies lower, from `first_above` on it lies above.
struct Edges {
  std::vector<std::size_t> first_on, first_above;
};

Edges edges_at(const std::vector<double>& sorted, double sum) {
  Edges edges;
  for (const double one : sorted) {
    // Sums are made as they are compared, so that what is equal on paper is equal here as often as it can be.
    const auto lower = [&](double other, double wanted) { return one + other < wanted; };
    const auto upper = [&](double wanted, double other) { return wanted < one + other; };
    edges.first_on.push_back(
        static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), sum, lower) - sorted.begin()));
    edges.first_above.push_back(
        static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), sum, upper) - sorted.begin()));
  }
  return edges;
}

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : random_(seed) {}

  // Gamma(1): a Dirichlet draw is such numbers divided by their sum, which no comparison needs.
  double exponential() { return -std::log(uniform()); }
  // Gamma(1/2): half the square of a standard normal number, by Box and Muller.
  double half() {
    const double size = exponential(), cosine = std::cos(2 * pi * uniform());
    return size * cosine * cosine;
  }

 private:
  // In (0, 1]. The distributions of the standard library differ from one library to the next.
  double uniform() { return (static_cast<double>(random_() >> 11) + 1) * 0x1.0p-53; }

  std::mt19937_64 random_;
};

// The weight of pairs whose mean lies above the edge, and half of that of those on it.
double above(const Edges& edges, const std::vector<double>& weights, const std::vector<double>& before) {
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double over = before.back() - before[edges.first_above[i]];
    const double on = before[edges.first_above[i]] - before[edges.first_on[i]];
    sum += weights[i] * (over + on / 2);
  }
  return sum;
}

}  // namespace

Posterior signed_rank_posterior(const std::vector<double>& first, const std::vector<double>& second, double rope,
                                std::uint64_t seed, int samples) {
  std::vector<double> sorted;
  for (std::size_t i = 0; i < first.size(); ++i) sorted.push_back(first[i] - second[i]);
  sorted.push_back(0);  // the pseudo-observation
  std::sort(sorted.begin(), sorted.end());
  const auto prior = static_cast<std::size_t>(std::find(sorted.begin(), sorted.end(), 0.0) - sorted.begin());
  const auto over = edges_at(sorted, 2 * rope), under = edges_at(sorted, -2 * rope);
  Draws draws(seed);
  double votes[3] = {0, 0, 0};
  std::vector<double> weights(sorted.size()), before(sorted.size() + 1);
  for (int sample = 0; sample < samples; ++sample) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = i == prior ? draws.half() : draws.exponential();
      before[i + 1] = before[i] + weights[i];
    }
    const double all = before.back() * before.back();
    const double better = above(over, weights, before);
    const double worse = all - above(under, weights, before);
    const double same = rope > 0 ? all - better - worse : 0;
    const double most = std::max({better, same, worse});
    // Without any difference the two sides are as likely; rounding is no vote.
    const bool even = std::abs(better - worse) <= 1e-12 * all && same < most;
    if (same == most)
      ++votes[1];
    else if (even) {
      votes[0] += 0.5;
      votes[2] += 0.5;
    } else {
      ++votes[better > worse ? 0 : 2];
    }
  }
  return {votes[0] / samples, votes[1] / samples, votes[2] / samples};
}

}  // namespace espalier::statistics
