// The searcher ranking, against plans made by hand and by brute force.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "plugins/searching.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

SearchBudget heads(double count) { return {SearchBudget::Kind::Heads, count, Rounding::Nearest}; }

using test::search;

// "no", "best" or "first": which head an emptied site keeps.
Settings keeping(const std::string& head) {
  Settings settings({{"keep_one_head", head != "no"}});
  if (head != "no") settings.set("rescue", head);
  return settings;
}

Mask search(const Units& units, const at::Tensor& scores, SearchBudget budget, Scope scope,
            const std::string& keep_one_head = "no") {
  return search({"ranking", keeping(keep_one_head), budget, scope}, units, all_of(units), scores);
}

Mask search(const Units& units, std::vector<double> scores, SearchBudget budget, Scope scope,
            const std::string& keep_one_head = "no") {
  return search(units, at::tensor(scores, at::kDouble), budget, scope, keep_one_head);
}

const Units& two_by_three() {
  static const Units units(layers(2, 3, 2, 4), Granularity::Head);
  return units;
}

TEST(RankingOfHeads, GlobalTakesTheLowestOfAll) {
  const auto mask = search(two_by_three(), {6, 1, 2, 5, 3, 4}, sparsity(0.5), Scope::Global);

  EXPECT_EQ(heads_of(mask), "100 101");
  EXPECT_EQ(mask.closure(), mask);
}

TEST(RankingOfHeads, LocalTakesTheSameShareOfEachSite) {
  EXPECT_EQ(heads_of(search(two_by_three(), {6, 1, 2, 50, 30, 40}, sparsity(1.0 / 3), Scope::Local)), "101 101");
  EXPECT_EQ(heads_of(search(two_by_three(), {1, 2, 3, 10, 20, 30}, sparsity(0.5, Rounding::Ceil), Scope::Local)),
            "001 001");
  EXPECT_EQ(heads_of(search(two_by_three(), {1, 2, 3, 10, 20, 30}, sparsity(0.5), Scope::Local)), "011 011");
}

TEST(RankingOfHeads, OfTiesTheLowestGoesFirst) {
  const std::vector<double> equal(6, 1.0);

  EXPECT_EQ(heads_of(search(two_by_three(), equal, sparsity(2.0 / 6), Scope::Global)), "001 111");
  EXPECT_EQ(heads_of(search(two_by_three(), equal, sparsity(4.0 / 6), Scope::Global)), "000 011");
  EXPECT_EQ(heads_of(search(two_by_three(), equal, sparsity(2.0 / 3), Scope::Local)), "001 001");
}

TEST(RankingOfHeads, KeepsAsManyAsTheBudgetSays) {
  const std::vector<double> scores = {6, 1, 2, 5, 3, 4};

  EXPECT_EQ(heads_of(search(two_by_three(), scores, heads(2), Scope::Global)), "100 100");
  EXPECT_EQ(heads_of(search(two_by_three(), scores, heads(6), Scope::Global)), "111 111");
  EXPECT_EQ(heads_of(search(two_by_three(), scores, heads(0), Scope::Global)), "000 000");
}

TEST(RankingOfHeads, MayRescueTheBestOrTheFirstHeadOfAnEmptiedSite) {
  const Units units(layers(2, 2, 1, 4), Granularity::Head);

  EXPECT_EQ(heads_of(search(units, {0.1, 0.2, 5, 6}, sparsity(0.5), Scope::Global)), "00 11");
  EXPECT_EQ(heads_of(search(units, {0.1, 0.2, 5, 6}, sparsity(0.5), Scope::Global, "best")), "01 11");
  EXPECT_EQ(heads_of(search(units, {0.1, 0.2, 5, 6}, sparsity(0.5), Scope::Global, "first")), "10 11");
  EXPECT_EQ(heads_of(search(units, {0.2, 0.1, 5, 6}, sparsity(1), Scope::Global, "best")), "10 01");
  EXPECT_EQ(heads_of(search(units, {0.2, 0.1, 5, 6}, sparsity(1), Scope::Global, "first")), "10 10");
  EXPECT_EQ(heads_of(search(units, {1, 1, 5, 5}, sparsity(1), Scope::Local, "best")), "01 01");
}

TEST(RankingOfHeads, LeavesSitesAloneThatAreNotChosen) {
  const Units units(uneven(), Granularity::Head, "decoder-cross");

  EXPECT_EQ(heads_of(search(units, {1, 3, 2}, sparsity(2.0 / 3), Scope::Global)), "11 010");
  EXPECT_EQ(heads_of(search(units, {1, 3, 2}, sparsity(1), Scope::Global, "best")), "11 010");
}

TEST(RankingOfHeads, MoreSparsityKeepsNoOtherHead) {
  Random random(8);
  const Units units(layers(3, 4, 1, 4), Granularity::Head);
  for (const std::string rescue : {"no", "best"}) {
    const auto scores = random.uniform(12).mul(4).floor();  // with ties
    Mask before(units.sites());
    for (int removed = 0; removed <= 12; ++removed) {
      const auto mask = search(units, scores, sparsity(removed / 12.0), Scope::Global, rescue);
      for (std::int64_t site = 0; site < mask.size(); ++site) {
        const auto fresh =
            mask.site(site).of(Projection::V).logical_and(before.site(site).of(Projection::V).logical_not());
        EXPECT_FALSE(fresh.any().item<bool>()) << removed;
      }
      before = mask;
    }
  }
}

// Two sites, two heads, three channels, QK and VO apart.
const Units& channel_pairs() {
  static const Units units(layers(2, 2, 3, 4), Granularity::HeadChannel);
  return units;
}

// QK scores of the hand case; VO scores of their own.
at::Tensor published_scores(std::vector<double> vo_0 = {1, 1, 1, 1, 1, 1},
                            std::vector<double> vo_1 = {1, 1, 1, 1, 1, 1}) {
  std::vector<double> scores = {1, 4, 9, 2, 3, 8};
  scores.insert(scores.end(), vo_0.begin(), vo_0.end());
  for (const double score : {5, 1, 7, 6, 2, 2}) scores.push_back(score);
  scores.insert(scores.end(), vo_1.begin(), vo_1.end());
  return at::tensor(scores, at::kDouble);
}

// Bundle means: site 0 has 1.5 and 3.5, site 1 has 1.5 and 3.5; of equal ones the lower site goes first.
TEST(RankingOfChannelPairs, GlobalTakesBundlesWhileTheyFit) {
  const std::string none = "111/111", one_0 = "011/011", two_0 = "001/001", one_1 = "101/101", two_1 = "001/100";
  const std::string expected[] = {none + " " + none,   none + " " + none,   one_0 + " " + none,
                                  one_0 + " " + none,  one_0 + " " + one_1, one_0 + " " + one_1,
                                  two_0 + " " + one_1, two_0 + " " + one_1, two_0 + " " + two_1};

  for (int budget = 0; budget <= 8; ++budget) {
    const auto mask = search(channel_pairs(), published_scores(), sparsity(budget / 12.0), Scope::Global);
    EXPECT_EQ(channels_of(mask, Projection::Q), expected[budget]) << budget;
    EXPECT_TRUE(mask.site(0).of(Projection::K).equal(mask.site(0).of(Projection::Q)));
  }
}

TEST(RankingOfChannelPairs, QueriesAndValuesHaveBudgetsOfTheirOwn) {
  const auto mask = search(channel_pairs(), published_scores({90, 80, 70, 60, 50, 40}, {10, 20, 30, 10, 20, 30}),
                           sparsity(4.0 / 12), Scope::Global);

  EXPECT_EQ(channels_of(mask, Projection::Q), "011/011 101/101");
  EXPECT_EQ(channels_of(mask, Projection::V), "111/111 001/001");
  EXPECT_EQ(channels_of(mask, Projection::O), "111/111 001/001");
}

TEST(RankingOfChannelPairs, LocalTakesEquallyManyOfEachHead) {
  const auto mask = search(channel_pairs(), published_scores(), sparsity(1.0 / 3), Scope::Local);

  EXPECT_EQ(channels_of(mask, Projection::Q), "011/011 101/101");
  EXPECT_EQ(channels_of(mask, Projection::V), "011/011 011/011");
}

TEST(RankingOfChannelPairs, FullSparsityKeepsOneChannelAHeadWhereGlobal) {
  const auto global = search(channel_pairs(), published_scores(), sparsity(1), Scope::Global);

  EXPECT_EQ(channels_of(global, Projection::Q), "001/001 001/100");
  EXPECT_EQ(channels_of(global, Projection::V), "001/001 001/001");
}

TEST(Ranking, NoSparsityKeepsEverything) {
  for (const auto granularity :
       {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel, Granularity::ProjectionChannel}) {
    for (const auto scope : {Scope::Global, Scope::Local}) {
      const Units units(uneven(), granularity);
      EXPECT_TRUE(search(units, at::zeros({units.count()}, at::kDouble), sparsity(0), scope).keeps_everything());
    }
  }
}

TEST(Ranking, FullSparsityRemovesEverythingElsewhere) {
  for (const auto granularity : {Granularity::Head, Granularity::SameChannel, Granularity::ProjectionChannel}) {
    for (const auto scope : {Scope::Global, Scope::Local}) {
      const Units units(uneven(), granularity);
      const auto mask = search(units, at::zeros({units.count()}, at::kDouble), sparsity(1), scope);
      EXPECT_EQ(count_parameters(units.sites(), mask, false).kept, 0) << to_string(granularity);
    }
  }
}

// Site shapes differ, so bundles do: 1, 2 and 3 heads of 5 channels.
TEST(RankingOfChannelPairs, IsRectangularWithinItsBudgetAndNeverEmpty) {
  std::vector<Site> sites;
  for (const std::int64_t count : {1, 2, 3}) sites.push_back(layers(1, count, 5, 4).front());
  const Units units(sites, Granularity::HeadChannel);
  Random random(9);
  for (int round = 0; round < 60; ++round) {
    const auto share = round / 59.0;
    const auto scores = random.uniform(units.count());
    for (const auto scope : {Scope::Global, Scope::Local}) {
      const auto mask = search(units, scores, sparsity(share), scope);
      for (const auto projection : {Projection::Q, Projection::V}) {
        const auto removed = 30 - kept_count(mask, projection);
        if (scope == Scope::Global) {
          EXPECT_LE(removed, units_to_remove(share, 30, Rounding::Nearest));
        } else {
          EXPECT_EQ(removed, 6 * units_to_remove(share, 5, Rounding::Nearest));
        }
        for (std::int64_t site = 0; site < mask.size(); ++site) {
          const auto widths = mask.site(site).of(projection).sum(1);
          EXPECT_TRUE(widths.eq(widths[0]).all().item<bool>());
          EXPECT_GE(widths[0].item<std::int64_t>(), scope == Scope::Global ? 1 : 0);
        }
      }
    }
  }
}

// With equally many heads, no other choice of widths removes as many channels at a lower sum of scores.
TEST(RankingOfChannelPairs, EqualsBruteForceWhereSitesHaveEquallyManyHeads) {
  constexpr std::int64_t sites = 3, heads_each = 2, width = 5;
  const Units units(layers(sites, heads_each, width, 4), Granularity::HeadChannel);
  Random random(10);
  for (int round = 0; round < 300; ++round) {
    const auto scores = random.uniform(units.count());
    const auto of_queries = [&](std::int64_t site, std::int64_t head) {  // QK units of a site come before its VO units
      return scores.narrow(0, site * heads_each * width * 2 + head * width, width);
    };
    double cost[sites][width] = {};  // of removing k channels of each head of a site
    for (std::int64_t site = 0; site < sites; ++site) {
      for (std::int64_t k = 1; k < width; ++k) {
        for (std::int64_t head = 0; head < heads_each; ++head) {
          cost[site][k] += std::get<0>(of_queries(site, head).sort()).narrow(0, 0, k).sum().item<double>();
        }
      }
    }
    const auto budget = static_cast<std::int64_t>(random.next() % 31);

    const auto mask = search(units, scores, sparsity(static_cast<double>(budget) / 30), Scope::Global);

    double removed = 0;
    std::int64_t steps = 0;
    for (std::int64_t site = 0; site < sites; ++site) {
      const auto kept = mask.site(site).of(Projection::Q);
      steps += width - kept[0].sum().item<std::int64_t>();
      for (std::int64_t head = 0; head < heads_each; ++head) {
        removed += (of_queries(site, head) * kept[head].logical_not()).sum().item<double>();
      }
    }
    EXPECT_EQ(steps, std::min<std::int64_t>(budget / heads_each, sites * (width - 1)));
    double best = std::numeric_limits<double>::infinity();
    for (std::int64_t a = 0; a < width; ++a) {
      for (std::int64_t b = 0; b < width; ++b) {
        const auto c = steps - a - b;
        if (c >= 0 && c < width) best = std::min(best, cost[0][a] + cost[1][b] + cost[2][c]);
      }
    }
    EXPECT_NEAR(removed, best, 1e-12) << "round " << round << ", budget " << budget;
  }
}

TEST(RankingOfChannelPairs, KeepOneLeavesEachHeadAChannelWhereLocal) {
  const auto kept = [](SearchBudget budget, bool keep_one) {
    return search({"ranking", Settings({{"keep_one", keep_one}}), budget, Scope::Local}, channel_pairs(),
                  all_of(channel_pairs()), published_scores());
  };

  EXPECT_EQ(channels_of(kept(sparsity(1), true), Projection::Q), "001/001 001/100");
  EXPECT_EQ(channels_of(kept(sparsity(1), true), Projection::O), "001/001 001/001");
  EXPECT_EQ(kept_count(kept(sparsity(1), false), Projection::Q), 0);
  EXPECT_EQ(channels_of(kept(sparsity(1.0 / 3), true), Projection::Q), "011/011 101/101");
}

TEST(RankingOfHeads, KeepOneLeavesEachSiteAHeadWhereLocal) {
  const auto kept = [](SearchBudget budget, Scope scope) {
    return heads_of(search({"ranking", Settings({{"keep_one", true}}), budget, scope}, two_by_three(),
                           all_of(two_by_three()), at::tensor({1, 2, 3, 10, 20, 30}, at::kDouble)));
  };

  EXPECT_EQ(kept(sparsity(1), Scope::Local), "001 001");
  EXPECT_EQ(kept(sparsity(0.5, Rounding::Ceil), Scope::Local), "001 001");
  // Heads that are ranked over all sites have keep_one_head.
  EXPECT_EQ(kept(sparsity(0.5), Scope::Global), "000 111");
}

// The floor of Michel, Levy and Neubig (2019): the next in the ranking goes instead.
TEST(RankingOfHeads, FloorKeepsSoManyHeadsOfEachSite) {
  const auto kept = [](std::int64_t floor, SearchBudget budget, Scope scope = Scope::Global) {
    return heads_of(search({"ranking", Settings({{"floor", floor}}), budget, scope}, two_by_three(),
                           all_of(two_by_three()), at::tensor({1, 2, 3, 10, 20, 30}, at::kDouble)));
  };

  EXPECT_EQ(kept(0, sparsity(0.5)), "000 111");
  EXPECT_EQ(kept(1, sparsity(0.5)), "001 011");
  EXPECT_EQ(kept(1, heads(2)), "001 001");
  EXPECT_EQ(kept(2, heads(4)), "011 011");
  EXPECT_EQ(kept(3, sparsity(0)), "111 111");
  EXPECT_EQ(kept(9, sparsity(0)), "111 111");
  EXPECT_EQ(kept(1, sparsity(0.5), Scope::Local), "011 011");
  EXPECT_EQ(kept(1, sparsity(2.0 / 3), Scope::Local), "001 001");
}

TEST(RankingOfHeads, FloorCountsWhatASiteHasLeft) {
  const auto kept = [](std::int64_t floor, SearchBudget budget) {
    return heads_of(search({"ranking", Settings({{"floor", floor}}), budget, Scope::Global}, two_by_three(),
                           at::tensor({0, 0, 1, 1, 1, 1}).to(at::kBool),
                           at::tensor({9, 9, 1, 10, 20, 30}, at::kDouble)));
  };

  EXPECT_EQ(kept(2, heads(3)), "001 011");
  EXPECT_EQ(kept(2, of_remaining(0.25)), "001 011");
}

TEST(RankingOfHeads, RefusesAFloorThatTheBudgetCannotKeep) {
  const auto refusal = [](std::int64_t floor, SearchBudget budget, Scope scope = Scope::Global) {
    return message_of<SettingsError>([&] {
      search({"ranking", Settings({{"floor", floor}}), budget, scope}, two_by_three(), all_of(two_by_three()),
             at::tensor({1, 2, 3, 10, 20, 30}, at::kDouble));
    });
  };
  const std::string advice = "\n    use a lower floor, or a budget that keeps more";

  EXPECT_EQ(refusal(2, heads(3)), "floor = 2: 4 heads must stay, and the budget keeps 3" + advice);
  EXPECT_EQ(refusal(1, sparsity(1)), "floor = 1: 2 heads must stay, and the budget keeps 0" + advice);
  EXPECT_EQ(refusal(5, sparsity(0.5)), "floor = 5: 6 heads must stay, and the budget keeps 3" + advice);
  EXPECT_EQ(refusal(2, sparsity(2.0 / 3), Scope::Local),
            "floor = 2: 2 heads must stay at site 'layer.0', and the budget keeps 1" + advice);
  EXPECT_EQ(refusal(-1, sparsity(0.5)),
            "setting 'floor' of searcher 'ranking' is -1, expected an integer of at least 0 (heads of each site that "
            "stay; the next in the ranking goes instead)");
  EXPECT_EQ(message_of<SettingsError>([] {
              search({"ranking", Settings({{"floor", std::int64_t{1}}}), sparsity(0), Scope::Global}, channel_pairs(),
                     all_of(channel_pairs()), published_scores());
            }),
            "ranking: floor counts heads, and the granularity is head-channel\n    use granularity head");
}

TEST(RankingOfSameChannels, KeepOneLeavesEachSiteAnIndexOfEachKind) {
  const Units units(layers(2, 2, 3, 4), Granularity::SameChannel);
  const auto scores = at::tensor({1, 2, 3, 6, 5, 4, 11, 12, 13, 16, 15, 14}, at::kDouble);
  const auto kept = [&](double share, Scope scope) {
    return search({"ranking", Settings({{"keep_one", true}}), sparsity(share), scope}, units, all_of(units), scores);
  };

  EXPECT_EQ(channels_of(kept(1, Scope::Local), Projection::Q), "001/001 001/001");
  EXPECT_EQ(channels_of(kept(1, Scope::Local), Projection::V), "100/100 100/100");
  // Over all sites the next one goes instead, so that as many go as the budget says.
  EXPECT_EQ(channels_of(kept(0.5, Scope::Global), Projection::K), "001/001 011/011");
  EXPECT_EQ(channels_of(kept(1, Scope::Global), Projection::O), "100/100 100/100");
}

// What earlier steps removed: ranked no more, kept no more, and counted as the budget says.
TEST(RankingOfWhatRemains, LeavesOutHeadsThatAreGone) {
  const auto gone = at::tensor({1, 0, 1, 1, 1, 0}).to(at::kBool);
  const auto scores = at::tensor({6, 1, 2, 5, 3, 4}, at::kDouble);
  const auto kept = [&](SearchBudget budget, Scope scope, const std::string& keep_one_head = "no") {
    return heads_of(search({"ranking", keeping(keep_one_head), budget, scope}, two_by_three(), gone, scores));
  };

  EXPECT_EQ(kept(sparsity(0), Scope::Global), "101 110");
  EXPECT_EQ(kept(sparsity(2.0 / 6), Scope::Global), "101 110");  // that many are gone
  EXPECT_EQ(kept(sparsity(3.0 / 6), Scope::Global), "100 110");
  EXPECT_EQ(kept(of_remaining(0.5), Scope::Global), "100 100");
  EXPECT_EQ(kept(sparsity(2.0 / 3), Scope::Local), "100 100");
  EXPECT_EQ(kept(of_remaining(0.5), Scope::Local), "100 100");
  EXPECT_EQ(kept(heads(3), Scope::Global), "100 110");
  EXPECT_EQ(kept(heads(5), Scope::Global), "101 110");
  EXPECT_EQ(kept(sparsity(1), Scope::Global, "best"), "100 100");
  EXPECT_EQ(kept(sparsity(1), Scope::Global, "first"), "100 100");
}

TEST(RankingOfWhatRemains, RescuesTheFirstHeadThatRemains) {
  const Units units(layers(2, 3, 1, 4), Granularity::Head);
  const auto gone = at::tensor({0, 1, 1, 0, 0, 0}).to(at::kBool);
  const auto kept = [&](const std::string& keep_one_head) {
    return heads_of(search({"ranking", keeping(keep_one_head), sparsity(1), Scope::Global}, units, gone,
                           at::tensor({9, 1, 2, 9, 9, 9}, at::kDouble)));
  };

  EXPECT_EQ(kept("no"), "000 000");
  EXPECT_EQ(kept("first"), "010 000");  // a site that was empty before stays empty
  EXPECT_EQ(kept("best"), "001 000");
}

TEST(RankingOfWhatRemains, BundlesTheLowestChannelsThatAreLeft) {
  auto remaining = all_of(channel_pairs());
  for (const std::int64_t unit : {0, 3, 12, 15}) remaining[unit] = false;  // channel 0 of every head's QK
  for (const std::int64_t unit : {6, 7, 8}) remaining[unit] = false;       // VO of site 0, head 0
  const auto kept = [&](SearchBudget budget, Scope scope) {
    return search({"ranking", {}, budget, scope}, channel_pairs(), remaining, published_scores());
  };
  const auto half = kept(of_remaining(0.5), Scope::Global);

  // QK: bundles {4, 3} and {1, 2} of 8 channels, each head keeping one. VO: 9 channels, one head of site 0 attends no more.
  EXPECT_EQ(channels_of(half, Projection::Q), "001/001 001/001");
  EXPECT_EQ(channels_of(half, Projection::V), "000/001 011/011");
  EXPECT_EQ(channels_of(kept(sparsity(6.0 / 12), Scope::Global), Projection::Q), "011/011 001/001");
  EXPECT_EQ(channels_of(kept(sparsity(2.0 / 3), Scope::Local), Projection::Q), "001/001 001/001");
  EXPECT_EQ(channels_of(kept(of_remaining(1.0 / 3), Scope::Local), Projection::V), "000/011 011/011");
}

TEST(RankingOfSameChannels, ChoosesOneIndexForAllHeads) {
  const Units units(layers(1, 2, 3, 4), Granularity::SameChannel);

  const auto mask = search(units, {3, 1, 2, 1, 2, 3}, sparsity(1.0 / 3), Scope::Global);

  EXPECT_EQ(channels_of(mask, Projection::Q), "101/101");
  EXPECT_EQ(channels_of(mask, Projection::V), "011/011");
}

TEST(RankingOfProjectionChannels, EachProjectionHasItsOwnBudget) {
  const Units units(layers(1, 1, 2, 4), Granularity::ProjectionChannel);

  const auto mask = search(units, {1, 2, 40, 30, 500, 600, 8000, 7000}, sparsity(0.5), Scope::Global);

  EXPECT_EQ(channels_of(mask, Projection::Q), "01");
  EXPECT_EQ(channels_of(mask, Projection::K), "10");
  EXPECT_EQ(channels_of(mask, Projection::V), "01");
  EXPECT_EQ(channels_of(mask, Projection::O), "10");
}

TEST(Ranking, SaysWhichBudgetsAreUnderstood) {
  const auto budgets = [](const char* searcher) { return bundled().find("searcher", searcher).description.budgets(); };

  EXPECT_EQ(budgets("ranking"), (std::vector<std::string>{"sparsity", "heads"}));
  EXPECT_EQ(budgets("channel-greedy"), std::vector<std::string>{"sparsity"});
}

TEST(Ranking, RefusesBudgetsItDoesNotUnderstand) {
  const std::vector<double> scores = {6, 1, 2, 5, 3, 4};
  const auto refusal = [&](SearchBudget budget, Scope scope) {
    return message_of<SettingsError>([&] { search(two_by_three(), scores, budget, scope); });
  };

  EXPECT_EQ(refusal({SearchBudget::Kind::Macs, 0.5, {}}, Scope::Global),
            "ranking understands the budgets sparsity and heads, and was given another");
  EXPECT_EQ(refusal(heads(7), Scope::Global), "heads = 7 cannot be kept: the chosen sites have 6");
  EXPECT_EQ(refusal(heads(-1), Scope::Global), "heads = -1 cannot be kept: the chosen sites have 6");
  EXPECT_EQ(refusal(heads(2), Scope::Local),
            "a budget of heads needs granularity head and scope global\n    use sparsity for other granularities");
  EXPECT_EQ(refusal(sparsity(1.5), Scope::Global), "sparsity = 1.500000 is not between 0 and 1");
}

TEST(Ranking, RefusesHeadsAsABudgetOfChannels) {
  const auto message =
      message_of<SettingsError>([] { search(channel_pairs(), published_scores(), heads(2), Scope::Global); });

  EXPECT_EQ(message,
            "a budget of heads needs granularity head and scope global\n    use sparsity for other granularities");
}

}  // namespace
}  // namespace espalier::test
