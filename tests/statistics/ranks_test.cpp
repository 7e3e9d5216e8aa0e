// Against what scipy and autorank say (golden.py).
#include "statistics/ranks.h"

#include <gtest/gtest.h>

#include <cmath>

#include "statistics/golden.h"
#include "statistics/paired.h"

namespace espalier::statistics {
namespace {

TEST(Ranks, AreThoseOfAutorank) {
  for (const auto& example : golden("ranked")) {
    const auto blocks = example["blocks"].get<Blocks>();
    const auto ranks = mean_ranks(blocks);
    for (std::size_t i = 0; i < ranks.size(); ++i) EXPECT_NEAR(ranks[i], example["mean_ranks"][i].get<double>(), 1e-12);
    if (example["omnibus"] == "friedman") {
      const auto test = friedman(blocks);
      EXPECT_NEAR(test.statistic, example["friedman"][0].get<double>(), 1e-9);
      EXPECT_NEAR(test.p / example["p"].get<double>(), 1, 1e-6);
      EXPECT_NEAR(nemenyi_critical_difference(ranks.size(), blocks.size()),
                  example["critical_difference"].get<double>(), 1e-4);
    } else {
      std::vector<double> first, second;
      for (const auto& block : blocks) {
        first.push_back(block[0]);
        second.push_back(block[1]);
      }
      // autorank asks on one side whether the better one is better.
      EXPECT_NEAR(wilcoxon(first, second).p, 2 * example["p"].get<double>(), 1e-12);
    }
  }
}

TEST(Ranks, GiveTheCriticalDifferenceAPOfAlpha) {
  for (const std::size_t methods : {2, 5, 20}) {
    for (const double alpha : {0.1, 0.05, 0.01}) {
      const double difference = nemenyi_critical_difference(methods, 12, alpha);
      EXPECT_NEAR(nemenyi(difference, methods, 12), alpha, 1e-9);
    }
  }
}

TEST(Ranks, KnowTheStudentisedRange) {
  for (const auto& example : golden("studentised_range")) {
    const auto methods = example[0].get<std::size_t>();
    const double error = std::sqrt(static_cast<double>(methods * (methods + 1)) / 6) / std::sqrt(2.0);
    EXPECT_NEAR(nemenyi_critical_difference(methods, 1) / error, example[1].get<double>(), 1e-6) << methods;
    EXPECT_NEAR(nemenyi(2 * error, methods, 1), example[2].get<double>(), 1e-8) << methods;
  }
}

TEST(Ranks, OfEqualMethodsDoNotDiffer) {
  const auto test = friedman({{1, 1, 1}, {2, 2, 2}});
  EXPECT_EQ(test.p, 1);
  EXPECT_EQ(mean_ranks({{1, 1, 1}}), (std::vector<double>{2, 2, 2}));
  EXPECT_EQ(wilcoxon({1, 2}, {1, 2}).p, 1);
}

TEST(Wilcoxon, SaysWhatScipySays) {
  for (const auto& example : golden("wilcoxon")) {
    const auto test =
        wilcoxon(example["first"].get<std::vector<double>>(), example["second"].get<std::vector<double>>());
    EXPECT_NEAR(test.statistic, example["statistic"].get<double>(), 1e-9);
    EXPECT_NEAR(test.p, example["p"].get<double>(), 1e-9);
  }
}

TEST(StudentT, HasItsQuantiles) {
  for (const auto& example : golden("t"))
    EXPECT_NEAR(t_quantile(0.975, example[0].get<double>()), example[1].get<double>(), 1e-9);
}

// 6 of 360 and 3 of 360, from whatever sums: what is equal is tied.
TEST(Wilcoxon, TakesWhatRoundingMadeDifferForTies) {
  std::vector<double> first, second, exact, zero;
  for (int i = 0; i < 12; ++i) {
    const double size = i % 3 == 0 ? 3 : 6, sign = i % 4 == 0 ? -1 : 1;
    first.push_back(0.1 * i + sign * size / 360);
    second.push_back(0.1 * i);
    exact.push_back(sign * size);
    zero.push_back(0);
  }
  EXPECT_EQ(wilcoxon(first, second).statistic, wilcoxon(exact, zero).statistic);
  EXPECT_EQ(wilcoxon(first, second).p, wilcoxon(exact, zero).p);
  EXPECT_EQ(mean_ranks({{0.1 + 0.2, 0.3, 0.1}, {0.5, 0.4, 0.3}}), (std::vector<double>{1.25, 1.75, 3}));
}

}  // namespace
}  // namespace espalier::statistics
