// The searcher a-star with method lazy-greedy, against hand cases.
#include <gtest/gtest.h>

#include <algorithm>

#include "plugins/mask_search/landscapes.h"

namespace espalier::test {
namespace {

std::int64_t times_asked(const Found& found, std::int64_t head) {
  return std::count_if(found.asked.begin(), found.asked.end(), [&](const Pruned& pruned) {
    return std::find(pruned.begin(), pruned.end(), head) != pruned.end();
  });
}

TEST(LazyGreedy, SolvesTheAdditiveToy) {
  const auto found = find(loss_of(0.02), heads_of_sites({2, 2}), additive({0, 0, 0.01, 0.05}));

  EXPECT_EQ(heads_of(found.mask), "00 01");
  EXPECT_NEAR(found.report.numbers.at("quality"), 0.99, 1e-12);
  EXPECT_EQ(times_asked(found, 3), 1);  // alone: what it seems to cost exceeds what is left
  EXPECT_EQ(found.evaluations, 1 + 4 + 2);
  EXPECT_EQ(found.report.texts.at("ended_by"), "no head fits");
}

// 1 costs 0.02 once 0 is gone, and no longer fits beside 2.
TEST(LazyGreedy, EvaluatesAgainWhatSeemsToFit) {
  const auto toy = additive({0, 0.01, 0.012});
  const auto landscape = [&](const Pruned& pruned) {
    const bool both = pruned.size() > 1 && pruned[0] == 0 && pruned[1] == 1;
    return toy(pruned) - (both ? 0.01 : 0);
  };

  const auto found = find(loss_of(0.03), heads_of_sites({3}), landscape);

  EXPECT_EQ(found.pruned, (Pruned{0, 2}));
  EXPECT_EQ(found.asked, (std::vector<Pruned>{{}, {0}, {1}, {2}, {0, 1}, {0, 2}}));
}

TEST(LazyGreedy, StopsToEvaluateWhenNoEstimateIsLower) {
  const auto found = find(loss_of(1), heads_of_sites({3, 3}), additive({0.06, 0.05, 0.04, 0.03, 0.02, 0.01}));

  EXPECT_EQ(found.pruned.size(), 6u);
  EXPECT_EQ(found.evaluations, 1 + 6 + 5);  // one a turn; the first turn knows its answer
  EXPECT_EQ(found.report.texts.at("ended_by"), "exhausted");
}

TEST(LazyGreedy, RemovesTheFirstOfEqualHeads) {
  const auto equal = additive(std::vector<double>(6, 0.01));

  EXPECT_EQ(find(loss_of(0.035), heads_of_sites({2, 4}), equal).pruned, (Pruned{0, 1, 2}));
  EXPECT_EQ(find(heads(4), heads_of_sites({2, 4}), equal).pruned, (Pruned{0, 1}));
}

TEST(LazyGreedy, KeepsTheDearestOfAnAdditiveLandscape) {
  const auto costs = random_costs(5, 8, -0.02, 0.05);
  std::vector<std::int64_t> cheapest(8);
  std::iota(cheapest.begin(), cheapest.end(), std::int64_t{0});
  std::sort(cheapest.begin(), cheapest.end(),
            [&](auto a, auto b) { return costs[static_cast<std::size_t>(a)] < costs[static_cast<std::size_t>(b)]; });
  for (std::int64_t kept = 0; kept <= 8; ++kept) {
    Pruned expected(cheapest.begin(), cheapest.end() - kept);
    std::sort(expected.begin(), expected.end());

    EXPECT_EQ(find(heads(kept), heads_of_sites({5, 3}), additive(costs)).pruned, expected);
  }
}

TEST(LazyGreedy, TakesOneEvaluationForEachOfManyHeads) {
  const auto costs = random_costs(3, 72, 0, 0.01);
  const auto found = find(loss_of(0.1), heads_of_sites(std::vector<std::int64_t>(6, 12)), additive(costs));

  const auto gone = static_cast<std::int64_t>(found.pruned.size());
  EXPECT_GT(gone, 10);
  EXPECT_EQ(found.evaluations, 1 + 72 + gone - 1);
}

TEST(LazyGreedy, TellsItsWay) {
  const auto found = find(loss_of(0.02), heads_of_sites({2, 2}), additive({0, 0, 0.01, 0.05}));

  const auto& steps = found.report.steps;
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[0].at("heads"), 4);
  EXPECT_EQ(steps[3].at("heads"), 1);
  EXPECT_EQ(steps[3].at("node"), 3);
  EXPECT_NEAR(steps[3].at("quality"), 0.99, 1e-12);
  EXPECT_EQ(steps[0].at("estimate"), 3);
  EXPECT_EQ(steps[0].at("evaluations"), 5);
  EXPECT_EQ(found.report.numbers.at("nodes_expanded"), 4);
  EXPECT_EQ(found.report.texts.at("method"), "lazy-greedy");
}

}  // namespace
}  // namespace espalier::test
