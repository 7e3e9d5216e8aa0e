// What a-star, by every method, and beam have in common, and beam alone.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/mask_search/landscapes.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

const Units& three_three_two() {
  static const Units units = heads_of_sites({3, 3, 2});
  return units;
}

std::vector<std::pair<std::string, Landscape>> landscapes(std::uint64_t seed) {
  return {{"rough", rough(seed, 8)},
          {"coarse", coarse(seed, 8)},
          {"super-additive", super_additive(seed, 8)},
          {"additive", additive(random_costs(seed, 8, -0.01, 0.03))}};
}

void expect_facts(const Found& found, const Landscape& landscape, bool bounded = true) {
  const auto& numbers = found.report.numbers;
  EXPECT_EQ(numbers.at("dense_quality"), landscape({}));
  EXPECT_EQ(numbers.at("quality"), landscape(found.pruned));
  EXPECT_NEAR(numbers.at("loss"), landscape({}) - landscape(found.pruned), 1e-12);
  EXPECT_EQ(numbers.at("heads_pruned"), static_cast<double>(found.pruned.size()));
  EXPECT_EQ(numbers.at("evaluations"), static_cast<double>(found.evaluations));
  // Of a bound alone: a number of heads guarantees nothing.
  EXPECT_EQ(numbers.contains("guarantee_met"), bounded);
  if (bounded) {
    EXPECT_EQ(numbers.at("guarantee_met"), 1);
  }
  EXPECT_NE(std::find(found.asked.begin(), found.asked.end(), found.pruned), found.asked.end());
}

TEST(EveryHeadSearch, KeepsTheQualityItPromises) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const auto& [kind, landscape] : landscapes(seed)) {
      for (const auto& [name, searcher, settings] : every_search()) {
        for (const double budget : {0.0, 0.02, 0.05}) {
          SCOPED_TRACE(name + " on " + kind + " " + std::to_string(seed) + ", budget " + std::to_string(budget));

          const auto found = find(loss_of(budget, searcher, settings), three_three_two(), landscape);

          EXPECT_GE(landscape(found.pruned), landscape({}) - budget - rounding);
          EXPECT_GE(found.evaluations, 8);
          expect_facts(found, landscape);
        }
      }
    }
  }
}

TEST(EveryHeadSearch, KeepsAsManyHeadsAsAsked) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (const auto& [kind, landscape] : landscapes(seed)) {
      for (const auto& [name, searcher, settings] : every_search()) {
        for (std::int64_t kept = 0; kept <= 8; ++kept) {
          SCOPED_TRACE(name + " on " + kind + ", " + std::to_string(kept) + " heads");

          const auto found = find(heads(kept, searcher, settings), three_three_two(), landscape);

          EXPECT_EQ(found.pruned.size(), static_cast<std::size_t>(8 - kept));
          expect_facts(found, landscape, false);
        }
      }
    }
  }
}

TEST(EveryHeadSearch, IsTheSameWhenEvaluationsStopEarly) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const auto& [kind, landscape] : landscapes(seed)) {
      for (const auto& [name, searcher, settings] : every_search()) {
        for (const auto& asked : {loss_of(0.03, searcher, settings), heads(4, searcher, settings)}) {
          SCOPED_TRACE(name + " on " + kind + " " + std::to_string(seed));

          const auto whole = find(asked, three_three_two(), landscape, {false});
          const auto stopped = find(asked, three_three_two(), landscape, {true});

          EXPECT_EQ(whole.asked, stopped.asked);
          EXPECT_EQ(whole.evaluations, stopped.evaluations);
          EXPECT_TRUE(whole.mask == stopped.mask);
          EXPECT_EQ(whole.report.numbers, stopped.report.numbers);
          EXPECT_EQ(whole.report.steps, stopped.report.steps);
        }
      }
    }
  }
}

TEST(EveryHeadSearch, AsksForEachMaskOnce) {
  for (const auto& [name, searcher, settings] : every_search()) {
    const auto found = find(loss_of(0.03, searcher, settings), three_three_two(), rough(1, 8));
    EXPECT_EQ(found.evaluations, static_cast<std::int64_t>(found.asked.size())) << name;
  }
}

TEST(EveryHeadSearch, IsTheSameEachTime) {
  for (const auto& [name, searcher, settings] : every_search()) {
    auto asked = loss_of(0.03, searcher, settings);
    const auto once = find(asked, three_three_two(), coarse(3, 8));
    asked.seed = 99;
    const auto again = find(asked, three_three_two(), coarse(3, 8));
    EXPECT_EQ(once.asked, again.asked) << name;
    EXPECT_EQ(once.pruned, again.pruned) << name;
  }
}

TEST(EveryHeadSearch, GivesTheBestSoFarWhenALimitIsReached) {
  for (const auto& [kind, landscape] : landscapes(2)) {
    for (const auto& [name, searcher, settings] : every_search()) {
      const auto whole = find(loss_of(0.04, searcher, settings), three_three_two(), landscape);
      std::size_t before = 0;
      for (std::int64_t limit = 1; limit <= whole.evaluations + 1; ++limit) {
        SCOPED_TRACE(name + " on " + kind + ", limit " + std::to_string(limit));
        const auto limited = and_setting(settings, "evaluations", limit);

        const auto found = find(loss_of(0.04, searcher, limited), three_three_two(), landscape);

        EXPECT_LE(found.evaluations, limit);
        EXPECT_GE(landscape(found.pruned), landscape({}) - 0.04 - rounding);
        EXPECT_GE(found.pruned.size(), before);
        EXPECT_EQ(found.report.texts.at("ended_by") == "limit of evaluations", limit < whole.evaluations);
        EXPECT_EQ(found.asked, std::vector<Pruned>(whole.asked.begin(), whole.asked.begin() + found.evaluations));
        expect_facts(found, landscape);
        before = found.pruned.size();
      }
      EXPECT_EQ(before, whole.pruned.size());
    }
  }
}

TEST(EveryHeadSearch, ReachesTheNumberOfHeadsWithinALimit) {
  for (const auto& [kind, landscape] : landscapes(2)) {
    for (const auto& [name, searcher, settings] : every_search()) {
      for (const std::int64_t limit : {1, 2, 5, 9, 10, 14, 20, 30}) {
        SCOPED_TRACE(name + " on " + kind + ", limit " + std::to_string(limit));
        const auto limited = and_setting(settings, "evaluations", limit);

        const auto found = find(heads(3, searcher, limited), three_three_two(), landscape);

        EXPECT_EQ(found.pruned.size(), 5u);
        EXPECT_LE(found.evaluations, std::max<std::int64_t>(limit, 2));
        expect_facts(found, landscape, false);
      }
    }
  }
}

TEST(EveryHeadSearch, SettlesForTheCheapestHeadsThatItKnows) {
  const auto landscape = additive({0.05, 0.01, 0.04, 0.03, 0.02, 0.07, 0.08, 0.06});
  for (const auto& [name, searcher, settings] : every_search()) {
    const auto limited = and_setting(settings, "evaluations", std::int64_t{10});
    EXPECT_EQ(find(heads(4, searcher, limited), three_three_two(), landscape).pruned, (Pruned{1, 2, 3, 4})) << name;
  }
}

TEST(EveryHeadSearch, EndsWhenItsTimeIsOver) {
  for (const auto& [name, searcher, settings] : every_search()) {
    SCOPED_TRACE(name);
    const auto limited = and_setting(settings, "seconds", 11.5);

    const auto found = find(loss_of(0.05, searcher, limited), three_three_two(), super_additive(4, 8), {false, 0, 1.0});

    EXPECT_EQ(found.evaluations, 12);
    EXPECT_EQ(found.report.texts.at("ended_by"), "limit of seconds");
    expect_facts(found, super_additive(4, 8));
    const auto of_heads = find(heads(2, searcher, limited), three_three_two(), super_additive(4, 8), {false, 0, 1.0});
    EXPECT_EQ(of_heads.pruned.size(), 6u);
    EXPECT_EQ(of_heads.evaluations, 13);  // the answer is evaluated
  }
}

// What masks have in common is computed once where they are asked for at once.
TEST(EveryHeadSearch, AsksForAllHeadsAtOnce) {
  for (const auto& [name, searcher, settings] : every_search()) {
    const auto found = find(loss_of(0.05, searcher, settings), three_three_two(), super_additive(4, 8));
    ASSERT_GT(found.together.size(), 1u);
    EXPECT_EQ(found.together[0], 8) << name;
    const auto limited = and_setting(settings, "evaluations", std::int64_t{5});
    EXPECT_EQ(find(loss_of(0.05, searcher, limited), three_three_two(), super_additive(4, 8)).together,
              (std::vector<std::int64_t>{4}))
        << name;
  }
}

TEST(Beam, AsksForALevelAtOnce) {
  const auto found = find(heads(5, "beam", Settings({{"width", std::int64_t{2}}})), three_three_two(), rough(1, 8));
  // Alone; both children of pairs that are asked by two ways are asked once.
  EXPECT_EQ(found.together, (std::vector<std::int64_t>{8, 7 + 7 - 1, 6 + 6 - 1}));
}

TEST(EveryHeadSearch, RemovesNothingWhereNothingFits) {
  const auto dear = additive(std::vector<double>(8, 0.05));
  for (const auto& [name, searcher, settings] : every_search()) {
    const auto found = find(loss_of(0, searcher, settings), three_three_two(), dear);
    EXPECT_TRUE(found.mask.keeps_everything()) << name;
    EXPECT_EQ(found.evaluations, 1 + 8) << name;
    EXPECT_EQ(found.report.texts.at("ended_by"), "no head fits") << name;
    expect_facts(found, dear);
  }
}

TEST(EveryHeadSearch, RemovesEveryHeadThatCostsNothing) {
  const auto free_but_two = additive({0, 0, 0.01, 0, 0, 0.01, 0, 0});
  for (const auto& [name, searcher, settings] : every_search()) {
    EXPECT_EQ(find(loss_of(0, searcher, settings), three_three_two(), free_but_two).pruned, (Pruned{0, 1, 3, 4, 6, 7}))
        << name;
    const auto all = find(loss_of(0.02, searcher, settings), three_three_two(), free_but_two);
    EXPECT_EQ(all.pruned.size(), 8u) << name;
    EXPECT_EQ(all.report.texts.at("ended_by"), "exhausted") << name;
  }
}

// 0.8 - 0.7 is a little more than 0.1.
TEST(EveryHeadSearch, ForgivesRounding) {
  const auto landscape = [](const Pruned& pruned) {
    if (pruned.empty()) return 0.8;
    return pruned == Pruned{2} ? 0.7 : 0.0;
  };
  for (const auto& [name, searcher, settings] : every_search())
    EXPECT_EQ(find(loss_of(0.1, searcher, settings), three_three_two(), landscape).pruned, (Pruned{2})) << name;
}

TEST(EveryHeadSearch, LeavesWhatIsGone) {
  const Pruned gone = {1, 5};
  const auto remaining = at::tensor({1, 0, 1, 1, 1, 0, 1, 1}, at::kInt).to(at::kBool);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const auto landscape = rough(seed, 8);
    for (const auto& [name, searcher, settings] : every_search()) {
      SCOPED_TRACE(name);

      const auto loss = find(loss_of(0.03, searcher, settings), three_three_two(), landscape, {}, remaining);
      const auto count = find(heads(4, searcher, settings), three_three_two(), landscape, {}, remaining);
      const auto enough = find(heads(7, searcher, settings), three_three_two(), landscape, {}, remaining);

      EXPECT_EQ(loss.report.numbers.at("dense_quality"), landscape(gone));
      EXPECT_GE(landscape(loss.pruned), landscape(gone) - 0.03 - rounding);
      for (const auto* found : {&loss, &count, &enough}) {
        for (const auto& asked : found->asked)
          EXPECT_TRUE(std::includes(asked.begin(), asked.end(), gone.begin(), gone.end()));
        EXPECT_EQ(found->report.numbers.at("heads_pruned"), static_cast<double>(found->pruned.size()) - 2);
      }
      EXPECT_EQ(count.pruned.size(), 4u);
      EXPECT_EQ(enough.pruned, gone);
      EXPECT_EQ(enough.evaluations, 1);
    }
  }
}

TEST(EveryHeadSearch, TakesAMetricThatIsNoNumberForTheWorst) {
  const auto landscape = [](const Pruned& pruned) {
    const bool broken = !pruned.empty() && pruned.back() == 7;
    return broken ? std::numeric_limits<double>::quiet_NaN() : additive(std::vector<double>(8, 0.01))(pruned);
  };
  for (const auto& [name, searcher, settings] : every_search()) {
    EXPECT_EQ(find(loss_of(0.5, searcher, settings), three_three_two(), landscape).pruned.size(), 7u) << name;
    EXPECT_EQ(find(heads(1, searcher, settings), three_three_two(), landscape).pruned, (Pruned{0, 1, 2, 3, 4, 5, 6}))
        << name;
    const auto nothing = [](const Pruned&) { return std::numeric_limits<double>::quiet_NaN(); };
    EXPECT_NE(message_of<InputError>([&, asked = loss_of(0.5, searcher, settings)] {
                find(asked, three_three_two(), nothing);
              }).find("is not a number"),
              std::string::npos);
  }
}

TEST(EveryHeadSearch, RefusesWhatItDoesNotUnderstand) {
  const auto flat = [](const Pruned&) { return 1.0; };
  const auto why = [&](const Search& asked, const Units& units) {
    return message_of<SettingsError>([&] { find(asked, units, flat); });
  };
  for (const std::string searcher : {"a-star", "beam"}) {
    EXPECT_EQ(why(loss_of(-0.01, searcher), three_three_two()),
              searcher +
                  ": loss_of_metric = -0.010000 is not a loss\n    expected how much of the metric may be lost: "
                  "0 or more");
    EXPECT_NE(why(loss_of(std::nan(""), searcher), three_three_two()).find("is not a loss"), std::string::npos);
    EXPECT_NE(why(loss_of(INFINITY, searcher), three_three_two()).find("is not a loss"), std::string::npos);
    EXPECT_NE(why(heads(9, searcher), three_three_two()).find("heads = 9 cannot be kept"), std::string::npos);
    Search other{searcher, {}, {SearchBudget::Kind::Sparsity, 0.5}, Scope::Global};
    EXPECT_EQ(why(other, three_three_two()),
              searcher + " understands the budgets heads and loss_of_metric, and was given another");
    auto local = loss_of(0.1, searcher);
    local.scope = Scope::Local;
    EXPECT_EQ(why(local, three_three_two()), searcher + " needs scope global: the heads of all sites compete");
    EXPECT_EQ(why(loss_of(0.1, searcher), Units(layers(1, 2, 3, 4), Granularity::HeadChannel)),
              searcher + " needs granularity head, and was given head-channel");
    EXPECT_EQ(why(loss_of(0.1, searcher, Settings({{"evaluations", std::int64_t{-1}}})), three_three_two()),
              "setting 'evaluations' of searcher '" + searcher +
                  "' is -1, expected an integer of at least 0 (limit of evaluations; 0: none)");
    EXPECT_EQ(why(loss_of(0.1, searcher, Settings({{"seconds", -2.0}})), three_three_two()),
              "setting 'seconds' of searcher '" + searcher +
                  "' is -2.0, expected a number of at least 0 (limit of seconds; 0: none)");
  }
  EXPECT_EQ(why(loss_of(0.1, "a-star", Settings({{"weight", -1.0}})), three_three_two()),
            "setting 'weight' of searcher 'a-star' is -1.0, expected a number of at least 0 (method a-star: what the "
            "heuristic's estimate is multiplied by)");
  EXPECT_EQ(
      why(loss_of(0.1, "beam", Settings({{"width", std::int64_t{0}}})), three_three_two()),
      "setting 'width' of searcher 'beam' is 0, expected an integer of at least 1 (states of each number of heads "
      "that go on)");
  EXPECT_EQ(
      why(loss_of(0.1, "beam", Settings({{"children", std::int64_t{-1}}})), three_three_two()),
      "setting 'children' of searcher 'beam' is -1, expected an integer of at least 0 (heads tried from each state, "
      "those that cost least; 0: all)");
}

Settings width(std::int64_t width) { return Settings({{"width", width}}); }

TEST(Beam, KeepsWaysThatAreNotTheBestYet) {
  EXPECT_EQ(find(loss_of(0.03, "beam", width(1)), heads_of_sites({3}), trap).pruned, (Pruned{0}));
  EXPECT_EQ(find(loss_of(0.03, "beam", width(2)), heads_of_sites({3}), trap).pruned, (Pruned{1, 2}));
}

// A beam as wide as any number of heads has states.
TEST(Beam, FindsWhatEnumerationFindsWhenItIsWide) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const auto& [kind, landscape] : landscapes(seed)) {
      const auto expected = best_by_enumeration(landscape, 8, landscape({}) - 0.03 - rounding);
      EXPECT_EQ(find(loss_of(0.03, "beam", width(70)), three_three_two(), landscape).pruned, expected.pruned) << kind;
      const auto three = best_by_enumeration(landscape, 8, -1e9, 5);
      EXPECT_EQ(find(heads(3, "beam", width(70)), three_three_two(), landscape).pruned, three.pruned) << kind;
    }
  }
}

TEST(Beam, TriesTheChildrenThatSeemCheapest) {
  const Settings narrow({{"width", std::int64_t{1}}, {"children", std::int64_t{1}}});

  const auto found = find(heads(4, "beam", narrow), three_three_two(), rough(1, 8));

  EXPECT_EQ(found.evaluations, 1 + 8 + 3);
}

TEST(Beam, TellsEachNumberOfHeads) {
  const auto found = find(heads(5, "beam", width(2)), three_three_two(), additive(random_costs(1, 8, 0, 0.03)));

  const auto& steps = found.report.steps;
  ASSERT_EQ(steps.size(), 4u);
  for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].at("heads"), 8 - static_cast<double>(i));
  EXPECT_EQ(found.report.numbers.at("nodes_expanded"), 1 + 2 + 2 + 2);
  EXPECT_EQ(found.report.texts.at("method"), "beam");
  EXPECT_EQ(found.report.texts.at("ended_by"), "heads reached");
}

}  // namespace
}  // namespace espalier::test
