#include "statistics/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "statistics/golden.h"

namespace espalier::statistics {
namespace {

TEST(McNemar, SaysWhatStatsmodelsSays) {
  for (const auto& example : golden("mcnemar"))
    EXPECT_NEAR(mcnemar(example[0].get<std::int64_t>(), example[1].get<std::int64_t>()), example[2].get<double>(),
                1e-12);
}

// Each of 2^n ways to give the discordant examples to one of the two models.
TEST(McNemar, CountsAllWays) {
  constexpr int n = 9;
  for (int one = 0; one <= n; ++one) {
    int as_far = 0;
    for (unsigned way = 0; way < 1U << n; ++way) {
      const int ones = __builtin_popcount(way);
      as_far += std::abs(2 * ones - n) >= std::abs(2 * one - n) ? 1 : 0;
    }
    EXPECT_NEAR(mcnemar(one, n - one), std::ldexp(as_far, -n), 1e-12) << one;
  }
}

TEST(Holm, SaysWhatStatsmodelsSays) {
  for (const auto& example : golden("holm")) {
    const auto corrected = holm(example["p"].get<std::vector<double>>());
    for (std::size_t i = 0; i < corrected.size(); ++i)
      EXPECT_NEAR(corrected[i], example["corrected"][i].get<double>(), 1e-15);
  }
  EXPECT_TRUE(holm({}).empty());
}

TEST(MacroF1, IsTheMeanOverClassesThatOccur) {
  // Class 0: 2 * 1 / (2 + 1), class 1: 2 * 1 / (1 + 2), class 7 never right: 0.
  EXPECT_NEAR(macro_f1({0, 0, 1, 7}, {0, 1, 1, 5}), (2.0 / 3 + 2.0 / 3 + 0 + 0) / 4, 1e-15);
  EXPECT_EQ(macro_f1({3, 4}, {3, 4}), 1);
}

// With few examples all 2^n exchanges can be counted, which many random ones come near.
TEST(MacroF1, PermutationsComeNearTheCountOfAll) {
  const std::vector<std::int64_t> labels = {0, 1, 0, 1, 2, 2, 0, 1}, first = {0, 1, 0, 1, 2, 2, 1, 1},
                                  second = {1, 0, 0, 1, 0, 2, 1, 0};
  const double observed = std::abs(macro_f1(labels, first) - macro_f1(labels, second));
  int as_large = 0;
  for (unsigned way = 0; way < 256; ++way) {
    auto one = first, other = second;
    for (std::size_t i = 0; i < 8; ++i) {
      if ((way >> i & 1) != 0) std::swap(one[i], other[i]);
    }
    as_large += std::abs(macro_f1(labels, one) - macro_f1(labels, other)) >= observed - 1e-12 ? 1 : 0;
  }
  EXPECT_NEAR(macro_f1_permutation(labels, first, second, 1), as_large / 256.0, 0.015);
  EXPECT_EQ(macro_f1_permutation(labels, first, second, 1), macro_f1_permutation(labels, first, second, 1));
  EXPECT_EQ(macro_f1_permutation(labels, first, first, 1), 1);
}

// The mean difference of n pairs has a known error; and a rate is one of sums, not a mean of rates.
TEST(Bootstrap, FindsTheIntervalOfAMean) {
  std::vector<double> first, second, ones(400, 1);
  for (int i = 0; i < 400; ++i) {
    first.push_back(i % 10 < 3 ? 1 : 0);   // 0.3
    second.push_back(i % 10 < 4 ? 1 : 0);  // 0.4: apart in a tenth of the examples
  }
  const auto answer = paired_bootstrap(first, second, ones, 5);
  EXPECT_NEAR(answer.difference, -0.1, 1e-12);
  const double error = std::sqrt(0.1 * 0.9 / 400);
  EXPECT_NEAR(answer.low, -0.1 - 1.96 * error, 0.004);
  EXPECT_NEAR(answer.high, -0.1 + 1.96 * error, 0.004);
  EXPECT_LT(answer.p, 0.001);
  EXPECT_EQ(paired_bootstrap(first, second, ones, 5).low, answer.low);
  EXPECT_EQ(paired_bootstrap(first, first, ones, 5).p, 1);
}

TEST(Bootstrap, WeighsUtterancesByTheirWords) {
  const auto answer = paired_bootstrap({1, 0}, {0, 0}, {10, 90}, 5);
  EXPECT_NEAR(answer.difference, 0.01, 1e-12);
  EXPECT_GT(answer.p, 0.2);
}

// Under no difference p is below 0.05 in about one of twenty tables.
TEST(Bootstrap, IsSeldomWrongWhereThereIsNothing) {
  std::uint64_t state = 9;
  const auto next = [&] { return state = state * 6364136223846793005ULL + 1442695040888963407ULL, (state >> 40) % 2; };
  int found = 0;
  const std::vector<double> ones(100, 1);
  for (int table = 0; table < 200; ++table) {
    std::vector<double> first, second;
    for (int i = 0; i < 100; ++i) {
      first.push_back(static_cast<double>(next()));
      second.push_back(static_cast<double>(next()));
    }
    found += paired_bootstrap(first, second, ones, static_cast<std::uint64_t>(table), 400).p < 0.05 ? 1 : 0;
  }
  EXPECT_LE(found, 20);
  EXPECT_GE(found, 2);
}

// Of few examples all signs can be written out.
TEST(SignFlip, CountsEverySign) {
  const std::vector<std::vector<std::int64_t>> lists = {{3},
                                                        {1, -1},
                                                        {2, 2, -1, 0, 3},
                                                        {6, -3, 9, 3, 3, -6, 0, 9},
                                                        {1, 1, 1, 1, -1},
                                                        {5, -5, 4, 1, 1, 2, -7, 3, 3, 8, 8, 1}};
  for (const auto& differences : lists) {
    std::int64_t observed = 0, as_far = 0;
    for (const auto one : differences) observed += one;
    const auto all = std::size_t{1} << differences.size();
    for (std::size_t signs = 0; signs < all; ++signs) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < differences.size(); ++i)
        sum += (signs >> i & 1) != 0 ? -differences[i] : differences[i];
      as_far += std::abs(sum) >= std::abs(observed) ? 1 : 0;
    }
    EXPECT_NEAR(sign_flip(differences), static_cast<double>(as_far) / static_cast<double>(all), 1e-12);
  }
  EXPECT_EQ(sign_flip({0, 0}), 1);
  EXPECT_EQ(sign_flip({}), 1);
}

TEST(SignFlip, OfOneSeedIsMcNemar) {
  for (const auto& [only_first, only_second] :
       {std::pair(10, 0), std::pair(9, 1), std::pair(40, 22), std::pair(5, 5)}) {
    std::vector<std::int64_t> differences(static_cast<std::size_t>(only_first), 1);
    differences.insert(differences.end(), static_cast<std::size_t>(only_second), -1);
    EXPECT_NEAR(sign_flip(differences), mcnemar(only_first, only_second), 1e-12);
  }
}

// Nothing could differ at a level that no p reaches after its correction.
TEST(Draws, ReachTheLevel) {
  EXPECT_EQ(draws_for(0.05, 1), 10000);
  for (const std::size_t comparisons : {91U, 1000U}) {
    for (const double level : {0.01, 0.018, 0.05})
      EXPECT_LT(2.0 / (1 + draws_for(level, comparisons)) * static_cast<double>(comparisons), level);
  }
}

}  // namespace
}  // namespace espalier::statistics
