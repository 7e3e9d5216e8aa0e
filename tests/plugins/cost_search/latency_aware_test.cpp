// The searcher latency-aware, on models whose time is a table.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "plugins/searching.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

constexpr auto latency = SearchBudget::Kind::Latency;
using Table = std::vector<double>;        // milliseconds by heads that stay
using Widths = std::vector<std::size_t>;  // heads that stay, by site

Widths widths_of(const Mask& mask) {
  Widths widths;
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    widths.push_back(static_cast<std::size_t>(mask.site(site).of(Projection::V).any(1).sum().item<std::int64_t>()));
  }
  return widths;
}

// A model whose sites take what their tables say, and `elsewhere` for the rest.
struct Timed {
  std::vector<Site> sites;
  std::vector<Table> tables;  // by site
  double elsewhere = 10;
  std::function<double(const Widths&)> surprise = [](const Widths&) { return 0.0; };  // what sites take beyond that
  std::vector<Widths> asked = {};

  double milliseconds(const Widths& widths) const {
    double sum = elsewhere;
    for (std::size_t site = 0; site < tables.size(); ++site) sum += tables[site][widths[site]];
    return sum;
  }
};

struct TimedAnswer {
  Mask mask;
  KeptReport report;
  double note(const std::string& name) const { return report.numbers.at(name); }
};

TimedAnswer answer_to(Timed& model, std::vector<double> scores, double share, Settings settings = {},
                      const at::Tensor& remaining = {}) {
  const Units units(model.sites, Granularity::Head);
  FunctionCosts costs;
  costs.of_milliseconds = [&](const Mask& mask) {
    model.asked.push_back(widths_of(mask));
    return model.milliseconds(model.asked.back()) + model.surprise(model.asked.back());
  };
  TimedAnswer answer;
  Search search{"latency-aware", std::move(settings), {latency, share}};
  search.costs = &costs;
  search.report = &answer.report;
  answer.mask =
      test::search(search, units, remaining.defined() ? remaining : all_of(units), at::tensor(scores, at::kDouble));
  return answer;
}

// Two sites of three heads; 4 ms a head and 1 ms for a site that has any.
Timed even_sites() {
  const Table table = {0, 5, 9, 13};
  return {layers(2, 3, 1, 1), {table, table}, 4};
}

// 30 ms. Scores less the smallest: site 0 has 5, 4, 3 and site 1 has 2, 1, 0.
TEST(LatencyAware, KeepsTheHighestScoresThatFit) {
  const auto kept = [](double milliseconds) {
    auto model = even_sites();
    return heads_of(answer_to(model, {7, 8, 9, 4, 5, 6}, milliseconds / 30).mask);
  };

  EXPECT_EQ(kept(30), "111 111");
  EXPECT_EQ(kept(29.9), "111 011");
  EXPECT_EQ(kept(26.1), "111 011");
  EXPECT_EQ(kept(25.9), "111 001");
  EXPECT_EQ(kept(21), "111 000");
  EXPECT_EQ(kept(17), "111 000");
  EXPECT_EQ(kept(16.9), "011 000");
  EXPECT_EQ(kept(12.9), "001 000");
  EXPECT_EQ(kept(4), "000 000");
}

TEST(LatencyAware, TellsWhatItPredictedAndMeasured) {
  auto model = even_sites();

  const auto answer = answer_to(model, {7, 8, 9, 4, 5, 6}, 0.8);  // 24 ms: 4 + 13 + 5 is 22

  EXPECT_EQ(answer.report.numbers, (std::map<std::string, double>{{"dense_milliseconds", 30},
                                                                  {"predicted_milliseconds", 22},
                                                                  {"measured_milliseconds", 22},
                                                                  {"bound_milliseconds", 24},
                                                                  {"bound_met", 1},
                                                                  {"heads", 4},
                                                                  {"straightened", 0}}));
  ASSERT_EQ(answer.report.steps.size(), 1u);
  EXPECT_EQ(answer.report.steps[0],
            (std::map<std::string, double>{
                {"attempt", 0}, {"bound", 24}, {"predicted", 22}, {"measured", 22}, {"heads", 4}}));
  // With everything, three widths of both sites at once, and the answer.
  EXPECT_EQ(model.asked, (std::vector<Widths>{{3, 3}, {0, 0}, {1, 1}, {2, 2}, {3, 1}}));
}

TEST(LatencyAware, MeasuresNothingTwiceWhereEverythingMayStay) {
  auto model = even_sites();

  const auto answer = answer_to(model, {1, 1, 1, 1, 1, 1}, 1);

  EXPECT_TRUE(answer.mask.keeps_everything());
  EXPECT_EQ(model.asked.size(), 4u);
  EXPECT_EQ(answer.note("measured_milliseconds"), 30);
  EXPECT_EQ(answer.note("bound_met"), 1);
}

TEST(LatencyAware, MeasuresEachShapeApart) {
  auto sites = layers(2, 2, 1, 1);
  sites.push_back(layers(1, 1, 1, 1, SiteKind::DecoderCross).front());
  Timed model{sites, {{0, 3, 6}, {0, 5, 8}, {0, 20}}};

  answer_to(model, {1, 2, 3, 4, 5}, 0.9);

  const std::vector<Widths> table(model.asked.begin(), model.asked.begin() + 4);
  EXPECT_EQ(table, (std::vector<Widths>{{2, 2, 1}, {0, 0, 1}, {1, 1, 1}, {2, 2, 0}}));
}

// What sites of one shape take is shared out evenly: 4 + 7 * 2.
TEST(LatencyAware, SharesOutWhatSitesOfAShapeTake) {
  Timed model{layers(2, 2, 1, 1), {{0, 3, 6}, {0, 5, 8}}, 4};

  const auto answer = answer_to(model, {1, 2, 3, 4}, 17.0 / 18);

  EXPECT_EQ(heads_of(answer.mask), "01 11");
  EXPECT_DOUBLE_EQ(answer.note("predicted_milliseconds"), 18 - 3);
  EXPECT_DOUBLE_EQ(answer.note("measured_milliseconds"), 4 + 3 + 8);
}

// The largest sum of scores, less their smallest, of all widths within the bound.
double most_value(const Timed& model, const std::vector<std::vector<double>>& sorted, double bound) {
  double least = sorted[0].back();
  for (const auto& scores : sorted) least = std::min(least, scores.back());
  double most = -1;
  Widths widths(model.sites.size(), 0);
  const std::function<void(std::size_t, double)> visit = [&](std::size_t site, double value) {
    if (site == widths.size()) {
      if (model.milliseconds(widths) <= bound) most = std::max(most, value);
      return;
    }
    for (widths[site] = 0;; ++widths[site]) {
      visit(site + 1, value);
      if (widths[site] == sorted[site].size()) break;
      value += sorted[site][widths[site]] - least;
    }
  };
  visit(0, 0);
  return most;
}

TEST(LatencyAware, EqualsBruteForceOnRandomTables) {
  Random random(11);
  int equal = 0, rounds = 0;
  for (int round = 0; round < 200; ++round) {
    auto sites = layers(2, 4, 1, 1);
    for (const auto& site : layers(2, 3, 1, 1, SiteKind::DecoderSelf)) sites.push_back(site);
    const auto table = [&](std::size_t heads) {
      Table times = {0};
      // Some steps are free, as where a width does not fill the machine.
      while (times.size() <= heads) times.push_back(times.back() + std::max(0.0, random.uniform() * 3 - 1));
      return times;
    };
    const auto of_encoder = table(4), of_decoder = table(3);
    Timed model{sites, {of_encoder, of_encoder, of_decoder, of_decoder}, 1};
    const double dense = model.milliseconds({4, 4, 3, 3});
    std::vector<double> scores;
    std::vector<std::vector<double>> sorted;
    for (const std::size_t heads : {4u, 4u, 3u, 3u}) {
      std::vector<double> its;
      for (std::size_t head = 0; head < heads; ++head) its.push_back(random.uniform() * 5 - 2);
      scores.insert(scores.end(), its.begin(), its.end());
      std::sort(its.rbegin(), its.rend());
      sorted.push_back(its);
    }
    const double share = (1 + (dense - 1) * random.uniform()) / dense;

    const auto answer = answer_to(model, scores, share);

    const double bound = share * dense, waste = 4 * (bound - 1) / 20'000;
    const auto widths = widths_of(answer.mask);
    const double least = *std::min_element(scores.begin(), scores.end());
    double value = 0;
    for (std::size_t site = 0; site < 4; ++site) {
      for (std::size_t head = 0; head < widths[site]; ++head) value += sorted[site][head] - least;
    }
    EXPECT_LE(model.milliseconds(widths), bound * (1 + 1e-9));
    EXPECT_NEAR(answer.note("predicted_milliseconds"), model.milliseconds(widths), 1e-9);
    EXPECT_GE(value, most_value(model, sorted, bound - waste) - 1e-9);
    EXPECT_LE(value, most_value(model, sorted, bound) + 1e-9);
    ++rounds;
    if (value >= most_value(model, sorted, bound) - 1e-9) ++equal;
  }
  EXPECT_GE(equal, rounds - 2);
}

// The shape of Whisper large: heads that go at random scores, at hundreds of sites.
TEST(LatencyAware, MeetsTheBoundOnLargeModels) {
  Random random(12);
  Table table = {0};
  while (table.size() <= 20) table.push_back(table.back() + 0.25);
  Timed model{layers(96, 20, 1, 1), std::vector<Table>(96, table), 100};
  std::vector<double> scores;
  for (int unit = 0; unit < 1920; ++unit) scores.push_back(random.uniform());

  const auto answer = answer_to(model, scores, 0.5);  // 290 of 580 ms: 760 heads, but for what is rounded up

  EXPECT_EQ(answer.note("bound_met"), 1);
  EXPECT_LE(answer.note("heads"), 760);
  EXPECT_GE(answer.note("heads"), 752);
}

TEST(LatencyAware, MakesTheTableMonotone) {
  // Two heads are faster than one, and three slower than four.
  Timed model{layers(1, 4, 1, 1), {{0, 6, 5, 12, 10}}};

  const auto at = [&](double milliseconds) { return answer_to(model, {1, 2, 3, 4}, milliseconds / 20); };

  EXPECT_EQ(at(16).note("straightened"), 2);
  EXPECT_EQ(at(16).note("predicted_milliseconds"), 16);  // two heads, as long as one
  EXPECT_EQ(heads_of(at(16).mask), "0011");
  EXPECT_EQ(heads_of(at(15.9).mask), "0000");
  EXPECT_EQ(at(20).note("heads"), 4);
}

TEST(LatencyAware, MayMeasureEveryThirdWidth) {
  Timed model{layers(1, 8, 1, 1), {{0, 9, 9, 9, 9, 9, 12, 12, 16}}};

  const auto answer = answer_to(model, {8, 7, 6, 5, 4, 3, 2, 1}, 24.5 / 26, Settings({{"step", std::int64_t{3}}}));

  // 0, 3 and 6 heads; seven lie between 12 and 16.
  EXPECT_EQ(model.asked, (std::vector<Widths>{{8}, {0}, {3}, {6}, {7}}));
  EXPECT_DOUBLE_EQ(answer.note("predicted_milliseconds"), 10 + 14);
  EXPECT_DOUBLE_EQ(answer.note("measured_milliseconds"), 10 + 12);
  auto again = model;
  again.asked.clear();
  answer_to(again, {8, 7, 6, 5, 4, 3, 2, 1}, 1, Settings({{"step", std::int64_t{100}}}));
  EXPECT_EQ(again.asked, (std::vector<Widths>{{8}, {0}}));
}

// Sites of different widths take 3 ms more together than apart.
Timed with_overshoot() {
  auto model = even_sites();
  model.surprise = [](const Widths& widths) { return widths[0] == widths[1] ? 0.0 : 3.0; };
  return model;
}

TEST(LatencyAware, CorrectsWhatTakesLongerThanPredicted) {
  auto model = with_overshoot();

  const auto answer = answer_to(model, {7, 8, 9, 4, 5, 6}, 22.5 / 30);

  // 22 + 3 exceeds 22.5 by 2.5; within 20 it is 17 + 3.
  std::vector<double> bounds, measured;
  for (const auto& step : answer.report.steps) {
    bounds.push_back(std::round(step.at("bound") * 1e9) / 1e9);
    measured.push_back(step.at("measured"));
  }
  EXPECT_EQ(bounds, (std::vector<double>{22.5, 20}));
  EXPECT_EQ(measured, (std::vector<double>{25, 20}));
  EXPECT_EQ(answer.note("bound_met"), 1);
  EXPECT_EQ(heads_of(answer.mask), "111 000");
}

TEST(LatencyAware, SaysSoWhereTheBoundIsNotMet) {
  const auto with = [](std::int64_t corrections) {
    auto model = with_overshoot();
    model.surprise = [](const Widths& widths) { return widths[0] == widths[1] ? 0.0 : 12.0; };
    return answer_to(model, {7, 8, 9, 4, 5, 6}, 26.5 / 30, Settings({{"corrections", corrections}}));
  };

  const auto none = with(0), one = with(1), many = with(9);

  EXPECT_EQ(none.note("bound_met"), 0);
  EXPECT_EQ(none.note("predicted_milliseconds"), 26);
  EXPECT_EQ(none.note("measured_milliseconds"), 38);
  EXPECT_EQ(none.report.steps.size(), 1u);
  // Within 15 ms: two heads of one site, and 13 + 12.
  EXPECT_EQ(one.report.steps.size(), 2u);
  EXPECT_EQ(one.note("measured_milliseconds"), 25);
  EXPECT_EQ(one.note("bound_met"), 1);
  EXPECT_EQ(many.report.steps.size(), 2u);
}

TEST(LatencyAware, StopsWhereNothingShorterIsPredicted) {
  auto model = even_sites();
  model.surprise = [](const Widths& widths) { return widths[0] == widths[1] ? 0.0 : 50.0; };

  const auto answer = answer_to(model, {7, 8, 9, 4, 5, 6}, 26.5 / 30);

  EXPECT_EQ(answer.report.steps.size(), 1u);
  EXPECT_EQ(answer.note("bound_met"), 0);
  EXPECT_EQ(answer.note("measured_milliseconds"), 76);
}

TEST(LatencyAware, LeavesOutHeadsThatAreGone) {
  auto model = even_sites();
  const auto remaining = at::tensor({1, 1, 1, 0, 1, 1}).to(at::kBool);

  // 26 ms now. Sites with three and with two heads are timed apart.
  const auto answer = answer_to(model, {7, 8, 9, 99, 5, 6}, 22.5 / 26, {}, remaining);

  EXPECT_EQ(model.asked, (std::vector<Widths>{{3, 2}, {0, 2}, {1, 2}, {2, 2}, {3, 0}, {3, 1}, {3, 1}}));
  EXPECT_EQ(heads_of(answer.mask), "111 001");
}

TEST(LatencyAware, RefusesWhatItCannotMeet) {
  auto model = even_sites();
  const auto refusal = [&](SearchBudget budget, Scope scope = Scope::Global, Settings settings = {},
                           Granularity granularity = Granularity::Head) {
    const Units units(model.sites, granularity);
    FunctionCosts costs;
    costs.of_milliseconds = [&](const Mask& mask) { return model.milliseconds(widths_of(mask)); };
    Search search{"latency-aware", std::move(settings), budget, scope};
    search.costs = &costs;
    return message_of<SettingsError>(
        [&] { test::search(search, units, all_of(units), at::ones({units.count()}, at::kDouble)); });
  };

  EXPECT_EQ(refusal({latency, 0.1}),
            "latency = 0.1 cannot be met: without any head of the chosen sites the model takes 0.1334 of its time\n"
            "    use that or more");
  EXPECT_EQ(refusal({latency, 0}),
            "latency = 0 is not a share of the dense model's time\n    use more than 0 and at most 1");
  EXPECT_EQ(refusal({latency, 1.1}),
            "latency = 1.1 is not a share of the dense model's time\n    use more than 0 and at most 1");
  EXPECT_EQ(refusal({SearchBudget::Kind::Heads, 3}),
            "latency-aware understands the budget latency, and was given another");
  EXPECT_EQ(refusal({latency, 0.5}, Scope::Local), "latency-aware needs scope global: it chooses what each site gives");
  EXPECT_EQ(refusal({latency, 0.5}, Scope::Global, {}, Granularity::HeadChannel),
            "latency-aware needs granularity head, and was given head-channel");
  EXPECT_EQ(refusal({latency, 0.5}, Scope::Global, Settings({{"step", std::int64_t{0}}})),
            "setting 'step' of searcher 'latency-aware' is 0, expected an integer of at least 1 (measure every step-th "
            "number of heads, and interpolate between)");
  EXPECT_EQ(
      refusal({latency, 0.5}, Scope::Global, Settings({{"corrections", std::int64_t{-1}}})),
      "setting 'corrections' of searcher 'latency-aware' is -1, expected an integer of at least 0 (searches that may "
      "follow when the answer takes too long)");
}

TEST(LatencyAware, SaysWhatItNeeds) {
  const auto& plugin = bundled().find("searcher", "latency-aware").description;

  EXPECT_TRUE(plugin.has(needs_scores) && plugin.has(heads_only) && !plugin.has(needs_data) && !plugin.has(evaluates));
  EXPECT_EQ(plugin.budgets(), (std::vector<std::string>{"latency"}));
}

}  // namespace
}  // namespace espalier::test
