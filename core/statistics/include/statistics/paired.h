// Two models on the same examples: is the one better, or could chance say the same?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace espalier::statistics {

// McNemar's test, exact and two-sided: of n = only_first + only_second examples that one model alone gets right, each side
// is as likely as the other. p = min(1, 2 P(X <= min(only_first, only_second))), X ~ Binomial(n, 1/2); 1 where n is 0.
double mcnemar(std::int64_t only_first, std::int64_t only_second);

// McNemar's test for answers that are no longer one or zero: n examples differ by whole numbers d_i (right answers of several
// seeds, in a common unit), and each difference is as likely to be the other way round. p = P(|sum +-d_i| >= |sum d_i|) over
// all 2^n signs, exact; of ones alone it is mcnemar. 1 where nothing differs.
double sign_flip(const std::vector<std::int64_t>& differences);

struct PairedDifference {
  double difference = 0;     // first minus second
  double low = 0, high = 0;  // 95 % percentile interval
  double p =
      1;  // two-sided: twice the smaller share of resamples on the other side of 0, counted from (1 + k) / (1 + n)
};

// Bootstrap over examples of sum(first) / sum(weights) - sum(second) / sum(weights): a word error rate with errors and words
// of each utterance, a mean where all weights are 1. Equal `seed`, equal answer. Lists are of one length, not empty.
PairedDifference paired_bootstrap(const std::vector<double>& first, const std::vector<double>& second,
                                  const std::vector<double>& weights, std::uint64_t seed, int resamples = 10000);

// As many draws as let the smallest p that they can give, (1 + k) / (1 + n) twice, fall below the level after a correction for so
// many comparisons: 10,000 or more, a million at most.
int draws_for(double level, std::size_t comparisons);

// The mean over classes, of labels or of answers, of 2 TP / (2 TP + FP + FN).
double macro_f1(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& predicted);

// Permutation test of the difference of two macro-F1: the two models' answers to an example change places at random.
// p = (1 + k) / (1 + n), k of n permutations with a difference at least as large.
double macro_f1_permutation(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& first,
                            const std::vector<std::int64_t>& second, std::uint64_t seed, int permutations = 10000);

// Holm's correction for as many comparisons as there are values: in their order, none above 1.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace espalier::statistics
