// The searcher a-star with method a-star, against brute force.
#include <gtest/gtest.h>

#include <algorithm>

#include "plugins/mask_search/landscapes.h"

namespace espalier::test {
namespace {

Settings tree(const std::string& heuristic, double weight = 1) {
  return Settings({{"method", std::string("a-star")}, {"heuristic", heuristic}, {"weight", weight}});
}

const Units& nine_heads() {
  static const Units units = heads_of_sites({3, 4, 2});
  return units;
}
const Units& five_and_three() {
  static const Units units = heads_of_sites({5, 3});
  return units;
}

void expect_best(const Search& asked, const Units& units, const Landscape& landscape, double budget,
                 double resolution) {
  const auto expected = best_by_enumeration(landscape, units.count(), landscape({}) - budget - rounding);

  const auto found = find(asked, units, landscape, {false, resolution});

  EXPECT_EQ(found.pruned, expected.pruned);
  EXPECT_EQ(found.report.numbers.at("quality"), expected.quality);
}

TEST(AStar, WithoutAHeuristicFindsWhatEnumerationFinds) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const double budget : {0.0, 0.02, 0.06}) {
      SCOPED_TRACE(seed);
      expect_best(loss_of(budget, "a-star", tree("none")), five_and_three(), rough(seed, 8), budget, 0);
      expect_best(loss_of(budget, "a-star", tree("none")), nine_heads(), super_additive(seed, 9), budget, 1e-9);
    }
  }
}

TEST(AStar, WithoutAHeuristicFindsTheFirstOfEquallyGoodStates) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const double budget : {0.0, 0.02, 0.04}) {
      SCOPED_TRACE(seed);
      expect_best(loss_of(budget, "a-star", tree("none")), five_and_three(), coarse(seed, 8), budget, 0.02);
    }
  }
}

TEST(AStar, WithSingleCostsIsExactWhereRemovalsDoNotGetCheaperTogether) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (const double budget : {0.0, 0.01, 0.03, 0.08}) {
      SCOPED_TRACE(seed);
      const auto asked = loss_of(budget, "a-star", tree("single"));
      expect_best(asked, nine_heads(), super_additive(seed, 9), budget, 0);
      expect_best(asked, five_and_three(), additive(random_costs(seed, 8, 0, 0.03)), budget, 0);
      expect_best(asked, five_and_three(), additive(random_costs(seed, 8, -0.02, 0.05)), budget, 1e-9);
    }
  }
}

TEST(AStar, FindsTheBestOfEachNumberOfHeads) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    const auto gaining = super_additive(seed, 8), losing = pairwise(seed, 8, 0, 0, 0.02);
    for (std::int64_t kept = 0; kept <= 8; ++kept) {
      const auto best = [&](const Landscape& landscape) {
        return best_by_enumeration(landscape, 8, -1e9, 8 - kept).pruned;
      };

      EXPECT_EQ(find(heads(kept, "a-star", tree("single")), five_and_three(), gaining).pruned, best(gaining));
      EXPECT_EQ(find(heads(kept, "a-star", tree("none")), five_and_three(), losing).pruned, best(losing));
    }
  }
}

TEST(AStar, LeavesAWayThatGreedyTakes) {
  const auto units = heads_of_sites({3});

  EXPECT_EQ(find(loss_of(0.03), units, trap).pruned, (Pruned{0}));
  for (const auto* heuristic : {"none", "single", "latest"})
    EXPECT_EQ(find(loss_of(0.03, "a-star", tree(heuristic)), units, trap).pruned, (Pruned{1, 2})) << heuristic;
}

TEST(AStar, AnEstimateOfLessIsGreedier) {
  std::int64_t greedy = 0, exact = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto landscape = super_additive(seed, 9);
    greedy += find(loss_of(0.06, "a-star", tree("single", 0)), nine_heads(), landscape).evaluations;
    exact += find(loss_of(0.06, "a-star", tree("single", 1)), nine_heads(), landscape).evaluations;
  }
  EXPECT_LT(greedy, exact);
}

TEST(AStar, EvaluatesFewStatesWhereCostsAddUp) {
  const auto units = heads_of_sites(std::vector<std::int64_t>(6, 12));
  for (const auto& [low, high] : {std::pair(0.0, 0.01), std::pair(-0.002, 0.01), std::pair(0.01, 0.01)}) {
    const auto landscape = additive(random_costs(3, 72, low, high));
    for (const auto* heuristic : {"single", "latest"}) {
      const auto found = find(loss_of(0.1, "a-star", tree(heuristic)), units, landscape);
      const auto greedy = find(loss_of(0.1), units, landscape);
      EXPECT_EQ(found.pruned, greedy.pruned);
      EXPECT_EQ(found.evaluations, greedy.evaluations);

      const auto of_heads = find(heads(40, "a-star", tree(heuristic)), units, landscape);
      EXPECT_EQ(of_heads.pruned, find(heads(40), units, landscape).pruned);
      EXPECT_EQ(of_heads.evaluations, 1 + 72 + 31);
    }
  }
}

TEST(AStar, TellsEachNode) {
  const auto found =
      find(loss_of(0.02, "a-star", tree("single")), heads_of_sites({2, 2}), additive({0, 0, 0.01, 0.05}));

  EXPECT_EQ(heads_of(found.mask), "00 01");
  const auto& steps = found.report.steps;
  ASSERT_EQ(steps.size(), 3u);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].at("node"), static_cast<double>(i));
    EXPECT_EQ(steps[i].at("heads"), 4 - static_cast<double>(i));
    EXPECT_EQ(steps[i].at("estimate"), 3);
  }
  EXPECT_EQ(found.report.numbers.at("nodes_expanded"), 3);
  EXPECT_EQ(found.report.texts.at("ended_by"), "exhausted");
  EXPECT_EQ(found.report.texts.at("method"), "a-star");
}

}  // namespace
}  // namespace espalier::test
