// The searcher channel-greedy, against hand cases and brute force.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "plugins/searching.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

Search greedy(SearchBudget budget) { return {"channel-greedy", {}, budget, Scope::Global}; }
Search exact(SearchBudget budget) { return {"channel-greedy", Settings({{"exact", true}}), budget, Scope::Global}; }

// Sites with these numbers of heads, all of one width.
Units sites_of(const std::vector<std::int64_t>& heads, std::int64_t width) {
  std::vector<Site> sites;
  for (const auto count : heads) sites.push_back(layers(1, count, width, 4).front());
  return {sites, Granularity::HeadChannel};
}

// Scores of the units of one kind as [heads, width], site by site.
std::vector<at::Tensor> by_site(const Units& units, const at::Tensor& scores, UnitKind kind) {
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (const auto& site : units.sites()) {
    const auto size = site.heads * site.head_dim;
    const auto start = kind == UnitKind::QK ? begin : begin + size;
    parts.push_back(scores.narrow(0, start, size).view({site.heads, site.head_dim}));
    begin += 2 * size;
  }
  return parts;
}

struct Removal {
  std::int64_t channels = 0;
  double scores = 0;
  std::vector<std::int64_t> each;  // of each head of a site, by site
};

// What a mask takes of one kind; fails where heads of a site lose unequally many, or one all, or not its lowest.
Removal removal_of(const Units& units, const at::Tensor& scores, const Mask& mask, UnitKind kind) {
  Removal removal;
  const auto parts = by_site(units, scores, kind);
  for (std::int64_t i = 0; i < mask.size(); ++i) {
    const auto& part = parts[static_cast<std::size_t>(i)];
    const auto gone = mask.site(i).of(kind == UnitKind::QK ? Projection::Q : Projection::V).logical_not();
    const auto each = gone.sum(1);  // [heads]
    EXPECT_TRUE(each.eq(each[0]).all().item<bool>());
    EXPECT_LT(each[0].item<std::int64_t>(), part.size(1));
    const auto sum = (part * gone).sum().item<double>();
    const auto lowest = std::get<0>(part.sort(1)).narrow(1, 0, each[0].item<std::int64_t>()).sum().item<double>();
    EXPECT_NEAR(sum, lowest, 1e-12);
    removal.channels += gone.sum().item<std::int64_t>();
    removal.scores += sum;
    removal.each.push_back(each[0].item<std::int64_t>());
  }
  return removal;
}

// Calls visit(channels, scores) for every choice of how many channels the heads of each site give.
template <typename Visit>
void for_each_choice(const std::vector<at::Tensor>& parts, Visit&& visit, std::size_t site = 0,
                     std::int64_t channels = 0, double scores = 0) {
  if (site == parts.size()) return visit(channels, scores);
  const auto sums = std::get<0>(parts[site].sort(1)).sum(0);  // [width]: of the k-th lowest of each head
  for (std::int64_t k = 0; k < parts[site].size(1); ++k) {
    for_each_choice(parts, visit, site + 1, channels + k * parts[site].size(0), scores);
    scores += sums[k].item<double>();
  }
}

// Two sites, two heads, three channels: C_0 = 0, 3, 10 and C_1 = 0, 3, 10.
const Units& hand_units() {
  static const Units units = sites_of({2, 2}, 3);
  return units;
}
at::Tensor hand_scores() {
  return at::tensor({1, 4, 9, 2, 3, 8, /*VO*/ 9, 8, 7, 9, 8, 7, /*site 1*/ 5, 1, 7, 6, 2, 2, /*VO*/ 1, 2, 3, 1, 2, 3},
                    at::kDouble);
}

TEST(ChannelGreedy, SolvesTheHandCase) {
  const std::int64_t of_first[] = {0, 0, 1, 1, 1, 1, 2, 2, 2}, of_second[] = {0, 0, 0, 0, 1, 1, 1, 1, 2};

  for (int budget = 0; budget <= 8; ++budget) {
    const auto mask = search(greedy(sparsity(budget / 12.0)), hand_units(), all_of(hand_units()), hand_scores());
    const auto removal = removal_of(hand_units(), hand_scores(), mask, UnitKind::QK);
    EXPECT_EQ(removal.each, (std::vector<std::int64_t>{of_first[budget], of_second[budget]})) << budget;
  }
  const auto four = search(greedy(sparsity(4 / 12.0)), hand_units(), all_of(hand_units()), hand_scores());
  EXPECT_EQ(channels_of(four, Projection::Q), "011/011 101/101");
  EXPECT_EQ(channels_of(four, Projection::K), "011/011 101/101");
}

TEST(ChannelGreedy, HasABudgetForQueriesAndOneForValues) {
  for (const auto& asked : {greedy(sparsity(4 / 12.0)), exact(sparsity(4 / 12.0))}) {
    const auto mask = search(asked, hand_units(), all_of(hand_units()), hand_scores());

    EXPECT_EQ(channels_of(mask, Projection::Q), "011/011 101/101");
    EXPECT_EQ(channels_of(mask, Projection::V), "111/111 001/001");
    EXPECT_EQ(channels_of(mask, Projection::O), "111/111 001/001");
  }
}

TEST(ChannelGreedy, RoundsItsBudgetDown) {
  for (const auto rounding : {Rounding::Nearest, Rounding::Floor, Rounding::Ceil}) {
    const auto mask = search(greedy(sparsity(3.9 / 12, rounding)), hand_units(), all_of(hand_units()), hand_scores());
    EXPECT_EQ(channels_of(mask, Projection::Q), "011/011 111/111");
    // 3.9 is nearer to 4 than to 2, and 3 as near to one as to the other.
    const auto near = search(exact(sparsity(3.9 / 12, rounding)), hand_units(), all_of(hand_units()), hand_scores());
    EXPECT_EQ(channels_of(near, Projection::Q), "011/011 101/101");
    const auto middle = search(exact(sparsity(3.0 / 12, rounding)), hand_units(), all_of(hand_units()), hand_scores());
    EXPECT_EQ(channels_of(middle, Projection::Q), "011/011 111/111");
  }
}

TEST(ChannelGreedy, TakesOfWhatRemains) {
  auto remaining = all_of(hand_units());
  for (const std::int64_t unit : {0, 3}) remaining[unit] = false;  // channel 0 of both heads of site 0
  const auto of_all = [&](double share) {
    return channels_of(search(greedy(sparsity(share)), hand_units(), remaining, hand_scores()), Projection::Q);
  };

  EXPECT_EQ(of_all(0), "011/011 111/111");
  EXPECT_EQ(of_all(2.0 / 12), "011/011 111/111");  // that many are gone
  EXPECT_EQ(of_all(4.0 / 12), "011/011 101/101");
  const auto half = search(greedy(of_remaining(0.5)), hand_units(), remaining, hand_scores());
  EXPECT_EQ(channels_of(half, Projection::Q), "001/001 101/101");
  EXPECT_EQ(channels_of(half, Projection::V), "110/110 001/001");
}

TEST(ChannelGreedy, LeavesHeadsWithoutChannelsOut) {
  auto remaining = all_of(hand_units());
  for (const std::int64_t unit : {0, 1, 2}) remaining[unit] = false;  // QK of a head

  for (const auto& asked : {greedy(sparsity(1)), exact(sparsity(1))}) {
    const auto mask = search(asked, hand_units(), remaining, hand_scores());
    EXPECT_EQ(channels_of(mask, Projection::Q), "000/001 001/100");
  }
  const auto one = search(greedy(sparsity(4.0 / 12)), hand_units(), remaining, hand_scores());
  EXPECT_EQ(channels_of(one, Projection::Q), "000/011 111/111");
}

// With equally many heads, no other choice removes as many channels at a lower sum of scores.
TEST(ChannelGreedy, EqualsBruteForceWhereSitesHaveEquallyManyHeads) {
  const auto units = sites_of({2, 2, 2}, 5);
  Random random(20);
  for (int round = 0; round < 300; ++round) {
    const auto scores = random.uniform(units.count());
    const auto budget = static_cast<std::int64_t>(random.next() % 31);
    const auto asked = sparsity(static_cast<double>(budget) / 30);

    const auto mask = search(greedy(asked), units, all_of(units), scores);
    const auto best =
        search(exact(of_remaining(static_cast<double>(budget / 2 * 2) / 30)), units, all_of(units), scores);

    for (const auto kind : {UnitKind::QK, UnitKind::VO}) {
      const auto removal = removal_of(units, scores, mask, kind);
      EXPECT_EQ(removal.channels, std::min<std::int64_t>(budget / 2 * 2, 24));
      double least = std::numeric_limits<double>::infinity();
      for_each_choice(by_site(units, scores, kind), [&](std::int64_t channels, double sum) {
        if (channels == removal.channels) least = std::min(least, sum);
      });
      EXPECT_NEAR(removal.scores, least, 1e-12) << "round " << round << ", budget " << budget;
    }
    EXPECT_EQ(mask, best) << round;
  }
}

TEST(ChannelGreedy, NeverExceedsItsBudgetWhereHeadsDiffer) {
  const auto units = sites_of({1, 2, 3}, 5);
  Random random(21);
  for (int round = 0; round < 60; ++round) {
    const auto scores = random.uniform(units.count());
    const auto share = round / 59.0;
    const auto mask = search(greedy(sparsity(share)), units, all_of(units), scores);
    for (const auto kind : {UnitKind::QK, UnitKind::VO})
      EXPECT_LE(removal_of(units, scores, mask, kind).channels, units_to_remove(share, 30, Rounding::Floor));
  }
}

TEST(ChannelGreedy, ExactEqualsBruteForce) {
  Random random(22);
  for (const auto& heads : std::vector<std::vector<std::int64_t>>{{1, 2, 3}, {4, 6, 2}, {5, 3, 4}, {3}, {6, 4, 1, 2}}) {
    const auto units = sites_of(heads, 4);
    const auto all = std::accumulate(heads.begin(), heads.end(), std::int64_t{0}) * 4;
    for (int round = 0; round < 40; ++round) {
      const auto scores = random.uniform(units.count());
      const auto share = random.uniform();
      const auto wanted = share * static_cast<double>(all);

      const auto mask = search(exact(sparsity(share)), units, all_of(units), scores);

      for (const auto kind : {UnitKind::QK, UnitKind::VO}) {
        const auto removal = removal_of(units, scores, mask, kind);
        double nearest = std::numeric_limits<double>::infinity(), least = nearest;
        for_each_choice(by_site(units, scores, kind), [&](std::int64_t channels, double sum) {
          const auto distance = std::abs(static_cast<double>(channels) - wanted);
          if (distance > nearest || (distance == nearest && sum >= least)) return;
          nearest = distance;
          least = sum;
        });
        EXPECT_EQ(std::abs(static_cast<double>(removal.channels) - wanted), nearest);
        EXPECT_NEAR(removal.scores, least, 1e-12);
      }
    }
  }
}

// 96 sites of 20 heads of 64, as Whisper large has: with equally many heads the greedy's choice is the best one.
TEST(ChannelGreedy, ExactSolvesALargeModel) {
  const auto units = sites_of(std::vector<std::int64_t>(96, 20), 64);
  const auto scores = Random(24).uniform(units.count());

  const auto mask = search(exact(sparsity(0.5)), units, all_of(units), scores);

  EXPECT_EQ(removal_of(units, scores, mask, UnitKind::QK).channels, 96 * 20 * 32);
  EXPECT_EQ(mask, search(greedy(sparsity(0.5)), units, all_of(units), scores));
}

TEST(ChannelGreedy, DoesNotDependOnTheOrderOfHeadsOrTheLevelOfScores) {
  const auto units = sites_of({3, 3}, 4);
  Random random(23);
  for (int round = 0; round < 20; ++round) {
    const auto scores = random.uniform(units.count());
    const auto asked = greedy(sparsity(0.4));
    const auto mask = search(asked, units, all_of(units), scores);

    const auto order = at::tensor({2, 0, 1}, at::kLong);
    const auto turned = scores.view({2, 2, 3, 4}).index_select(2, order).reshape({-1});  // [site, kind, head, channel]
    const auto other = search(asked, units, all_of(units), turned);
    for (std::int64_t site = 0; site < 2; ++site) {
      for (const auto projection : all_projections) {
        EXPECT_TRUE(is_close(other.site(site).of(projection), mask.site(site).of(projection).index_select(0, order)));
      }
    }
    EXPECT_EQ(search(asked, units, all_of(units), scores + 7), mask);
  }
}

TEST(ChannelGreedy, KeepsAChannelOfEachHeadAtFullSparsity) {
  const auto units = sites_of({1, 2, 3}, 4);
  for (const auto& asked : {greedy(sparsity(1)), exact(sparsity(1))}) {
    const auto mask = search(asked, units, all_of(units), at::ones({units.count()}, at::kDouble));
    EXPECT_EQ(channels_of(mask, Projection::Q), "0001 0001/0001 0001/0001/0001");
    EXPECT_EQ(channels_of(mask, Projection::V), "0001 0001/0001 0001/0001/0001");
  }
}

TEST(ChannelGreedy, RefusesWhatItDoesNotUnderstand) {
  const auto refusal = [](const Units& units, SearchBudget budget, Scope scope) {
    return message_of<SettingsError>([&] {
      search({"channel-greedy", {}, budget, scope}, units, all_of(units), at::ones({units.count()}, at::kDouble));
    });
  };

  EXPECT_EQ(
      refusal(hand_units(), sparsity(0.5), Scope::Local),
      "channel-greedy needs scope global: it chooses what each site gives\n    for the same share of each head, use "
      "the searcher ranking");
  EXPECT_EQ(refusal({layers(2, 3, 2, 4), Granularity::Head}, sparsity(0.5), Scope::Global),
            "channel-greedy needs granularity head-channel, and was given head");
  EXPECT_EQ(refusal(hand_units(), {SearchBudget::Kind::Heads, 2, {}}, Scope::Global),
            "channel-greedy understands the budget sparsity, and was given another");
  EXPECT_EQ(refusal(hand_units(), sparsity(-0.5), Scope::Global), "sparsity = -0.500000 is not between 0 and 1");
}

// An exact target says how close it came: 3.9 of 12 channels asked for, in portions of two heads.
TEST(ChannelGreedy, SaysWhatWasAskedAndWhatWent) {
  KeptReport report;
  auto asked = exact(sparsity(3.9 / 12));
  asked.report = &report;
  search(asked, hand_units(), all_of(hand_units()), hand_scores());
  EXPECT_NEAR(report.numbers.at("qk_channels_asked"), 3.9, 1e-12);
  EXPECT_EQ(report.numbers.at("qk_channels_removed"), 4);
  EXPECT_EQ(report.numbers.at("vo_channels_removed"), 4);
}

}  // namespace
}  // namespace espalier::test
