#include "statistics/ranks.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>

namespace espalier::statistics {
namespace {

constexpr std::size_t most_exact_pairs = 50;

// Means of equal counts differ in their last bits by the order of their sums, and are equal all the same.
double rounding_of(double largest) { return 1e-12 * largest; }

double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// From the smallest on; values that differ by no more than `rounding` share the mean of their ranks. Adds t^3 - t of each tie
// of t values.
std::vector<double> ranks_of(const std::vector<double>& values, double rounding, double& ties) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t one, std::size_t other) { return values[one] < values[other]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    auto end = begin;
    while (end < order.size() && values[order[end]] - values[order[begin]] <= rounding) ++end;
    for (auto at = begin; at < end; ++at) ranks[order[at]] = static_cast<double>(begin + end + 1) / 2;
    const auto tied = static_cast<double>(end - begin);
    ties += tied * tied * tied - tied;
    begin = end;
  }
  return ranks;
}

std::vector<double> rank_sums(const Blocks& blocks, double& ties) {
  std::vector<double> sums(blocks.front().size());
  for (const auto& block : blocks) {
    std::vector<double> worse;
    for (const double value : block) worse.push_back(-value);
    const auto ranks = ranks_of(worse, rounding_of(largest_of(block)), ties);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += ranks[i];
  }
  return sums;
}

// How many of the 2^n ways to give n ranks a sign have each sum of positive ones.
double exact_wilcoxon(std::size_t pairs, double smaller_sum) {
  std::vector<double> ways(pairs * (pairs + 1) / 2 + 1);
  ways[0] = 1;
  for (std::size_t rank = 1; rank <= pairs; ++rank) {
    for (auto sum = ways.size() - 1; sum >= rank; --sum) ways[sum] += ways[sum - rank];
  }
  double as_small = 0;
  for (std::size_t sum = 0; sum <= static_cast<std::size_t>(smaller_sum); ++sum) as_small += ways[sum];
  return std::min(1.0, 2 * std::ldexp(as_small, -static_cast<int>(pairs)));
}

// P(range of k standard normal values > q) = 1 - k * integral of phi(z) (Phi(z) - Phi(z - q))^(k - 1).
double studentised_range_above(double q, std::size_t methods) {
  const boost::math::normal normal;
  const auto k = static_cast<double>(methods);
  const auto density = [&](double z) {
    return boost::math::pdf(normal, z) * std::pow(boost::math::cdf(normal, z) - boost::math::cdf(normal, z - q), k - 1);
  };
  // Where the density lies is q / 2 wide at most on either side of it.
  const double within =
      boost::math::quadrature::gauss_kronrod<double, 61>::integrate(density, -9.0, 9.0 + q, 12, 1e-13);
  return std::clamp(1 - k * within, 0.0, 1.0);
}

double rank_error(std::size_t methods, std::size_t blocks) {
  const auto k = static_cast<double>(methods);
  return std::sqrt(k * (k + 1) / (6 * static_cast<double>(blocks)));
}

}  // namespace

std::vector<double> mean_ranks(const Blocks& blocks) {
  double ties = 0;
  auto ranks = rank_sums(blocks, ties);
  for (auto& rank : ranks) rank /= static_cast<double>(blocks.size());
  return ranks;
}

TestResult friedman(const Blocks& blocks) {
  double ties = 0;
  const auto sums = rank_sums(blocks, ties);
  const auto k = static_cast<double>(sums.size()), n = static_cast<double>(blocks.size());
  double squares = 0;
  for (const double sum : sums) squares += sum * sum;
  const double uncorrected = 12 / (n * k * (k + 1)) * squares - 3 * n * (k + 1);
  const double correction = 1 - ties / (n * k * (k * k - 1));
  if (correction <= 0) return {0, 1};  // all methods are equal in every block
  TestResult result;
  result.statistic = uncorrected / correction;
  result.p =
      boost::math::cdf(boost::math::complement(boost::math::chi_squared(k - 1), std::max(0.0, result.statistic)));
  return result;
}

TestResult wilcoxon(const std::vector<double>& first, const std::vector<double>& second) {
  const double rounding = rounding_of(std::max(largest_of(first), largest_of(second)));
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double apart = first[i] - second[i];
    if (std::abs(apart) <= rounding) continue;
    sizes.push_back(std::abs(apart));
    positive.push_back(apart > 0);
  }
  if (sizes.empty()) return {0, 1};
  double ties = 0, up = 0, down = 0;
  const auto ranks = ranks_of(sizes, rounding, ties);
  for (std::size_t i = 0; i < ranks.size(); ++i) (positive[i] ? up : down) += ranks[i];
  TestResult result{std::min(up, down), 1};
  if (ties == 0 && sizes.size() == first.size() && sizes.size() <= most_exact_pairs) {
    result.p = exact_wilcoxon(sizes.size(), result.statistic);
    return result;
  }
  const auto n = static_cast<double>(sizes.size());
  const double mean = n * (n + 1) / 4, variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48;
  const double z = (result.statistic - mean) / std::sqrt(variance);
  result.p = std::min(1.0, 2 * boost::math::cdf(boost::math::normal(), z));
  return result;
}

double nemenyi_critical_difference(std::size_t methods, std::size_t blocks, double alpha) {
  const auto beyond = [&](double q) { return studentised_range_above(q, methods) - alpha; };
  std::uintmax_t iterations = 100;
  const auto [low, high] =
      boost::math::tools::toms748_solve(beyond, 1e-6, 30.0, boost::math::tools::eps_tolerance<double>(40), iterations);
  return (low + high) / 2 / std::sqrt(2.0) * rank_error(methods, blocks);
}

double nemenyi(double difference, std::size_t methods, std::size_t blocks) {
  return studentised_range_above(std::abs(difference) / rank_error(methods, blocks) * std::sqrt(2.0), methods);
}

double t_quantile(double share, double degrees_of_freedom) {
  return boost::math::quantile(boost::math::students_t(degrees_of_freedom), share);
}

}  // namespace espalier::statistics
