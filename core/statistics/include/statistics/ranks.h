// Several methods on the same blocks (models, datasets, sparsities, seeds): which of them differ? After Demsar, Statistical
// comparisons of classifiers over multiple data sets, JMLR 7, 2006.
#pragma once

#include <cstddef>
#include <vector>

namespace espalier::statistics {

// One row a block, one value a method; the larger, the better.
using Blocks = std::vector<std::vector<double>>;

// The mean over blocks of each method's rank, 1 for the best; equal values share the mean of their ranks.
std::vector<double> mean_ranks(const Blocks& blocks);

struct TestResult {
  double statistic = 0;
  double p = 1;
};

// Friedman's chi-square with k - 1 degrees of freedom, corrected for ties. At least one block and two methods.
TestResult friedman(const Blocks& blocks);

// Wilcoxon's signed rank test of paired values, two-sided; pairs without a difference are left out. Exact up to 50 pairs
// without ties, else by the normal distribution with the variance corrected for ties. The statistic is the smaller sum.
TestResult wilcoxon(const std::vector<double>& first, const std::vector<double>& second);

// Nemenyi's critical difference of mean ranks, q / sqrt(2) * sqrt(k (k + 1) / (6 N)), with q the 1 - alpha quantile of the
// studentised range of k methods and infinitely many degrees of freedom.
double nemenyi_critical_difference(std::size_t methods, std::size_t blocks, double alpha = 0.05);
// Nemenyi's p of two mean ranks that lie so far apart, corrected for all pairs of methods.
double nemenyi(double difference, std::size_t methods, std::size_t blocks);

// t(share, degrees of freedom): the quantile of Student's distribution.
double t_quantile(double share, double degrees_of_freedom);

}  // namespace espalier::statistics
