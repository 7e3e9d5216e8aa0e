// Against what baycomp says (golden.py), which autorank calls.
#include "statistics/bayesian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace espalier::statistics {
namespace {

constexpr int our_samples = 100000, their_samples = 200000;

TEST(SignedRankPosterior, IsThatOfBaycompWithinTheErrorOfBothMonteCarlos) {
  std::ifstream file(std::string(ESPALIER_SOURCE_DIR) + "/tests/fixtures/statistics/golden.json");
  const auto examples = nlohmann::json::parse(file).at("posterior");
  ASSERT_EQ(examples.size(), 8);
  for (const auto& example : examples) {
    const auto ours =
        signed_rank_posterior(example["first"].get<std::vector<double>>(), example["second"].get<std::vector<double>>(),
                              example["rope"].get<double>(), 1, our_samples);
    const auto near = [](double found, double expected) {
      // Five standard errors of a share that both sides draw, and a few votes where the share is next to 0.
      const double variance = std::max(expected * (1 - expected), 1e-4);
      EXPECT_NEAR(found, expected, 5 * std::sqrt(variance / our_samples + variance / their_samples));
    };
    near(ours.first_better, example["better"].get<double>());
    near(ours.same, example["same"].get<double>());
    near(ours.second_better, example["worse"].get<double>());
    EXPECT_NEAR(ours.first_better + ours.same + ours.second_better, 1, 1e-12);
  }
}

TEST(SignedRankPosterior, ChangesSidesWithItsModels) {
  const std::vector<double> one = {0.9, 0.8, 0.85, 0.7, 0.95}, other = {0.88, 0.83, 0.8, 0.66, 0.9};
  const auto there = signed_rank_posterior(one, other, 0.01, 7, 50000);
  const auto back = signed_rank_posterior(other, one, 0.01, 7, 50000);
  // Other draws meet the differences in their other order.
  const double error = 5 * std::sqrt(2 * 0.25 / 50000);
  EXPECT_NEAR(there.first_better, back.second_better, error);
  EXPECT_NEAR(there.same, back.same, error);
}

TEST(SignedRankPosterior, IsCertainWhereNothingVaries) {
  const std::vector<double> equal(6, 0.5), better(6, 0.6);
  EXPECT_EQ(signed_rank_posterior(equal, equal, 0.01, 1, 1000).same, 1);
  EXPECT_EQ(signed_rank_posterior(equal, equal, 0, 1, 1000).first_better, 0.5);
  EXPECT_EQ(signed_rank_posterior(better, equal, 0.01, 1, 1000).first_better,
            signed_rank_posterior(better, equal, 0.01, 1, 1000).first_better);
  EXPECT_GT(signed_rank_posterior(better, equal, 0.01, 1, 1000).first_better, 0.95);
}

}  // namespace
}  // namespace espalier::statistics
