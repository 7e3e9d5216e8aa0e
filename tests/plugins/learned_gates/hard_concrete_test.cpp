// The searcher hard-concrete and its distribution, against the paper's formulas and on models whose loss is known.
#include <gtest/gtest.h>

#include <cmath>

#include "../../../plugins/searchers/hard-concrete/hard_concrete.h"
#include "gate_training.h"
#include "plugins/searching.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

using hard_concrete::Distribution;

at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

TEST(HardConcreteDistribution, HasThePapersChancesAndTestGates) {
  const Distribution gates;
  const auto log_a = numbers({-4, -2, -1, 0, 1, 2, 4});

  EXPECT_TRUE(is_close(gates.chance_open(log_a),
                       numbers({0.038840, 0.229932, 0.448015, 0.688112, 0.857087, 0.942204, 0.991767}), {0, 5e-7}));
  EXPECT_TRUE(
      is_close(gates.test_gate(log_a), numbers({0, 0.043044, 0.222730, 0.5, 0.777270, 0.956956, 1}), {0, 5e-7}));
  EXPECT_NEAR(gates.chance_open(numbers({0})).item<double>(), 1 / (1 + std::exp(-0.33 * std::log(11))), 1e-15);
  EXPECT_NEAR(gates.chance_open(numbers({-0.7913054})).item<double>(), 0.5, 1e-7);
}

TEST(HardConcreteDistribution, TestGatesCloseAndOpenWhollyBeyondLogEleven) {
  const Distribution gates;
  const double border = std::log(11);  // 2.3978953

  EXPECT_TRUE(gates.test_gate(numbers({-border - 1e-9, border + 1e-9})).equal(numbers({0, 1})));
  EXPECT_GT(gates.test_gate(numbers({-border + 1e-6})).item<double>(), 0);
  EXPECT_LT(gates.test_gate(numbers({border - 1e-6})).item<double>(), 1);
}

TEST(HardConcreteDistribution, SamplesByTheFormula) {
  const Distribution gates;

  EXPECT_TRUE(is_close(gates.sample(numbers({0, 0, 0}), numbers({0.1, 0.5, 0.9})), numbers({0, 0.5, 1}), {0, 1e-15}));
  // s itself: the same with a stretch that nothing is clipped by.
  const Distribution plain{0.33, -1e-12, 1 + 1e-12};
  EXPECT_TRUE(is_close(plain.sample(numbers({0, 0}), numbers({0.1, 0.9})), numbers({0.001282, 0.998718}), {0, 5e-7}));
}

TEST(HardConcreteDistribution, IsSymmetric) {
  const Distribution gates;
  Random random(1);
  const auto u = gates.noise(random.uniform(1000)), log_a = random.uniform(1000) * 10 - 5;

  EXPECT_TRUE(is_close(gates.sample(log_a, u) + gates.sample(-log_a, 1 - u), at::ones({1000}, at::kDouble), {0, 1e-9}));
}

TEST(HardConcreteDistribution, IsOpenAsOftenAsItsChance) {
  const Distribution gates;
  Random random(2);
  const double draws = 1e6;
  for (const double log_a : {-2.0, 0.0, 1.0}) {
    const auto u = gates.noise(random.uniform(static_cast<std::int64_t>(draws)));

    const double share = gates.sample(numbers({log_a}), u).ne(0).sum().item<double>() / draws;

    const double chance = gates.chance_open(numbers({log_a})).item<double>();
    EXPECT_NEAR(share, chance, 4 * std::sqrt(chance * (1 - chance) / draws)) << "log_a " << log_a;
  }
}

TEST(HardConcreteDistribution, TakesAnotherTemperature) {
  const Distribution cofi{2.0 / 3};

  EXPECT_TRUE(is_close(cofi.chance_open(numbers({0, 10})), numbers({0.831822, 0.999991}), {0, 5e-7}));
}

TEST(HardConcreteDistribution, StaysAwayFromZeroAndOne) {
  const Distribution gates;

  EXPECT_TRUE(is_close(gates.noise(numbers({0, 1})), numbers({1e-6, 1 - 1e-6}), {1e-9, 0}));
  EXPECT_TRUE(is_close(gates.chance_open(numbers({-100, 100})), numbers({1e-6, 1 - 1e-6}), {1e-12, 0}));
}

Search concrete(GateTraining& model, SearchBudget budget, const Values& values = {}) {
  Search asked;
  asked.searcher = "hard-concrete";
  asked.settings = Settings(values);
  asked.budget = budget;
  asked.trainable = &model;
  return asked;
}

const Values open_start = {{"initial", std::string("constant")},
                           {"initial_log_a", 1.0},
                           {"gate_learning_rate", 0.5},
                           {"learning_rate", 0.1},
                           {"penalty_reduction", std::string("sum")}};

// Every head is worth twice the next, so that each penalty between two worths keeps another number of them.
const std::vector<double> graded = {0.16, 0.01, 0.64, 0.04, 1.28, 0.02, 0.32, 0.08};
constexpr const char* graded_best[] = {"0000 1000", "0010 1000", "0010 1010", "1010 1010",
                                       "1010 1011", "1011 1011", "1011 1111", "1111 1111"};

TEST(HardConcrete, SaysWhatItNeeds) {
  const auto& plugin = bundled().find("searcher", "hard-concrete").description;

  EXPECT_TRUE(plugin.has(trains) && plugin.has(uses_randomness) && plugin.has(heads_only));
  EXPECT_FALSE(plugin.has(needs_scores) || plugin.has(needs_data) || plugin.has(evaluates));
  EXPECT_EQ(plugin.budgets(), (std::vector<std::string>{"sparsity", "heads"}));
}

TEST(HardConcrete, GatesAreSampledFromWhatIsLearned) {
  GateTraining model(indifferent(), 2);
  auto remaining = all_of(two_by_four());
  remaining[2] = false;
  auto asked = concrete(model, heads(4), {{"reach", std::string("top")}, {"gate_learning_rate", 0.0}});

  test::search(asked, two_by_four(), remaining, {});

  const Distribution gates;
  Random random(1);
  const auto start = (random.uniform(8) * 2 - 1) * std::sqrt(6.0 / (1 + 4));  // Xavier-uniform of [1, 4]
  EXPECT_TRUE(is_close(model.calls.at(0).learned_before, start, {1e-15, 0}));
  Random noise(random.next());
  for (const auto& found : model.calls[0].gates)
    EXPECT_TRUE(is_close(found, gates.sample(start, gates.noise(noise.uniform(8))) * remaining, {1e-12, 1e-15}));
}

TEST(HardConcrete, MayBeginWithTheSameGateForAll) {
  GateTraining model(indifferent(), 1);

  search(concrete(model, heads(4), {{"reach", std::string("top")}, {"initial", std::string("constant")}}),
         two_by_four());

  EXPECT_TRUE(model.calls.at(0).learned_before.equal(at::full({8}, 2.0, at::kDouble)));
}

TEST(HardConcrete, PenaltyIsTheSumOfChancesOrThatByTheModules) {
  std::vector<double> penalties;
  for (const std::string reduction : {"sum", "mean-over-modules"}) {
    GateTraining model(indifferent(), 1);
    auto remaining = all_of(two_by_four());
    remaining[0] = false;
    test::search(concrete(model, heads(4), {{"reach", std::string("top")}, {"penalty_reduction", reduction}}),
                 two_by_four(), remaining, {});
    penalties.push_back(model.calls.at(0).penalties.at(0));

    const auto chances = Distribution().chance_open(model.calls[0].learned_before) * remaining;
    const double modules = reduction == "sum" ? 1 : 2;
    EXPECT_NEAR(penalties.back(), 0.1 * chances.sum().item<double>() / modules, 1e-12);
  }

  EXPECT_NEAR(penalties[0] / penalties[1], 2, 1e-12);
}

TEST(HardConcrete, BisectionFindsThePenaltyForEveryNumberOfHeads) {
  for (std::int64_t count = 1; count <= 8; ++count) {
    GateTraining model(planted(graded), 300);
    HeardReport report;
    auto asked = concrete(model, heads(count), open_start);
    asked.report = &report;

    EXPECT_EQ(heads_of(search(asked, two_by_four())), graded_best[count - 1]);
    EXPECT_EQ(report.numbers.at("exact"), 1) << count;
    EXPECT_EQ(report.numbers.at("heads_open"), static_cast<double>(count));
    EXPECT_EQ(report.numbers.at("heads_asked"), static_cast<double>(count));
    EXPECT_EQ(report.steps.size(), model.calls.size());
    EXPECT_EQ(report.steps.back().at("penalty"), report.numbers.at("penalty"));
    EXPECT_EQ(report.steps.back().at("open"), static_cast<double>(count));
    EXPECT_EQ(report.steps.back().at("trial"), static_cast<double>(model.calls.size()));
  }
}

TEST(HardConcrete, EveryTrialBeginsTheSame) {
  for (const std::string mode : {"joint", "gates-only"}) {
    GateTraining model(planted(graded), 20);
    search(concrete(model, heads(3), with(open_start, {{"mode", mode}})), two_by_four());

    ASSERT_GT(model.calls.size(), 1U);
    for (const auto& call : model.calls) {
      EXPECT_TRUE(call.learned_before.equal(model.calls[0].learned_before));
      EXPECT_TRUE(call.weight_before.equal(model.calls[0].weight_before));
      EXPECT_TRUE(call.gates[0].equal(model.calls[0].gates[0]));
    }
  }
}

// Gates that only the penalty moves: all are open below a penalty of about 0.5, and none above it.
const Values all_or_none = {
    {"initial", std::string("constant")},      {"initial_log_a", 0.1},  {"gate_learning_rate", 0.1},
    {"penalty_reduction", std::string("sum")}, {"learning_rate", 0.05}, {"clip_norm", 0.0}};

TEST(HardConcrete, TheTrialNearestToTheNumberWinsAndTheModelIsAsItLeftIt) {
  for (const auto& [count, winner] : {std::pair<std::int64_t, std::size_t>{3, 2}, {4, 0}, {7, 0}}) {
    GateTraining model(indifferent(), 10);
    HeardReport report;
    auto asked = concrete(model, heads(count), all_or_none);
    asked.report = &report;

    const auto mask = search(asked, two_by_four());

    ASSERT_EQ(model.calls.size(), 8U);
    ASSERT_EQ(report.steps.size(), 8U);
    const std::vector<double> penalties = {0.1, 0.4, 1.6, 0.8};
    const std::vector<double> open = {8, 8, 0, 0};
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(report.steps[i].at("penalty"), penalties[i], 1e-12);
      EXPECT_EQ(report.steps[i].at("open"), open[i]);
    }
    EXPECT_EQ(report.numbers.at("penalty"), report.steps[winner].at("penalty"));
    EXPECT_EQ(report.numbers.at("heads_open"), open[winner]);
    EXPECT_EQ(report.numbers.at("exact"), 0);
    EXPECT_TRUE(model.weight().equal(model.calls[winner].weight_after));
    EXPECT_FALSE(model.weight().equal(model.calls.back().weight_after));
    EXPECT_EQ(count_of(two_by_four().remaining(mask)), count);
  }
}

TEST(HardConcrete, MakesNoMoreTrialsThanItMay) {
  GateTraining model(indifferent(), 10);

  search(concrete(model, heads(4), with(all_or_none, {{"trials", std::int64_t{3}}})), two_by_four());

  EXPECT_EQ(model.calls.size(), 3U);
}

TEST(HardConcrete, ATrialThatDivergesWinsOverNoOther) {
  GateTraining model(indifferent(), 10);
  model.diverging_call = 0;
  model.diverging_step = 3;
  HeardReport report;
  auto asked = concrete(model, heads(8), all_or_none);
  asked.report = &report;

  search(asked, two_by_four());

  EXPECT_EQ(model.calls.size(), 2U);
  EXPECT_NEAR(report.numbers.at("penalty"), 0.1 / 4, 1e-12);
  EXPECT_EQ(report.numbers.at("training_diverged"), 0);
  EXPECT_EQ(report.numbers.at("exact"), 1);
}

TEST(HardConcrete, SaysThatTheOnlyTrainingDivergedAndStillAnswers) {
  GateTraining model([](const at::Tensor& gates) { return gates.sum() * std::nan(""); }, 10);
  model.diverging_call = 0;
  model.diverging_step = 1;
  HeardReport report;
  auto asked = concrete(model, heads(3), {{"reach", std::string("top")}});
  asked.report = &report;

  const auto mask = search(asked, two_by_four());

  EXPECT_EQ(report.numbers.at("training_diverged"), 1);
  EXPECT_EQ(count_of(two_by_four().remaining(mask)), 3);
}

TEST(HardConcrete, TopKeepsTheBestOfOneTrainingAndPenaltyWhateverIsOpen) {
  for (const std::string reach : {"top", "penalty"}) {
    GateTraining model(planted(graded), 300);
    HeardReport report;
    auto asked = concrete(model, heads(2), with(open_start, {{"reach", reach}, {"penalty", 0.3}}));
    asked.report = &report;

    const auto mask = search(asked, two_by_four());

    EXPECT_EQ(model.calls.size(), 1U);
    const auto open = static_cast<std::int64_t>(report.numbers.at("heads_open"));
    EXPECT_GT(open, 2);
    EXPECT_LT(open, 8);
    EXPECT_EQ(report.numbers.at("heads_asked"), 2);
    EXPECT_EQ(report.numbers.at("exact"), 0);
    EXPECT_EQ(heads_of(mask), graded_best[reach == "top" ? 1 : open - 1]);
  }
}

TEST(HardConcrete, KeepsExactlyWhatTheBudgetSays) {
  for (const std::string reach : {"top", "bisection"}) {
    for (const bool some_are_gone : {false, true}) {
      auto remaining = all_of(two_by_four());
      if (some_are_gone) remaining[0] = remaining[5] = false;
      for (std::int64_t count = 1; count <= 8; ++count) {
        GateTraining model(planted(graded), 10);

        const auto mask = test::search(concrete(model, heads(count), {{"reach", reach}, {"trials", std::int64_t{3}}}),
                                       two_by_four(), remaining, {});

        const auto kept = two_by_four().remaining(mask);
        EXPECT_EQ(count_of(kept), std::min<std::int64_t>(count, some_are_gone ? 6 : 8));
        EXPECT_EQ(count_of(kept.logical_and(remaining.logical_not())), 0);
      }
    }
  }
}

TEST(HardConcrete, JointTrainsAllTensorsAndGatesOnlyTheGates) {
  GateTraining joint(indifferent(), 3), alone(indifferent(), 3);
  const Values values = {{"reach", std::string("top")}, {"learning_rate", 1e-3}, {"loss", std::string("bce")}};

  search(concrete(joint, heads(4), values), two_by_four());
  search(concrete(alone, heads(4), with(values, {{"mode", std::string("gates-only")}})), two_by_four());

  const auto& call = joint.calls.at(0);
  ASSERT_EQ(call.groups.size(), 3U);
  EXPECT_TRUE(call.groups[0].tensors.at(0).is_same(joint.weight()));
  EXPECT_TRUE(call.groups[1].tensors.at(0).is_same(joint.bias()));
  EXPECT_EQ(call.groups[0].learning_rate, 1e-3);
  EXPECT_EQ(call.groups[2].learning_rate, 0.1);
  EXPECT_FALSE(call.plan.best_on_validation);
  EXPECT_EQ(call.objective.loss, "bce");
  EXPECT_FALSE(call.weight_after.equal(call.weight_before));
  ASSERT_EQ(alone.calls.at(0).groups.size(), 1U);
  EXPECT_EQ(alone.calls[0].groups[0].learning_rate, 0.1);
  EXPECT_TRUE(alone.calls[0].weight_after.equal(alone.calls[0].weight_before));
}

TEST(HardConcrete, RefusesWhatItCannotLearn) {
  const auto refusal = [](SearchBudget budget, const Values& values, Scope scope = Scope::Global) {
    GateTraining model(indifferent(), 1);
    auto asked = concrete(model, budget, values);
    asked.scope = scope;
    return message_of<SettingsError>([&] { search(asked, two_by_four()); });
  };

  EXPECT_EQ(refusal(heads(0), {}),
            "hard-concrete: the budget keeps no head, so that nothing is left to learn\n    keep at least one");
  EXPECT_EQ(refusal(heads(9), {}), "heads = 9 cannot be kept: the chosen sites have 8");
  EXPECT_EQ(refusal(heads(4), {}, Scope::Local),
            "hard-concrete: scope local is not understood\n    its one penalty is of all sites: use scope global");
  const auto out_of_range = [](const std::string& name, const std::string& found_and_expected) {
    return "setting '" + name + "' of searcher 'hard-concrete' is " + found_and_expected + " (";
  };
  const auto begins = [](const std::string& text, const std::string& beginning) {
    return text.starts_with(beginning) ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(begins(refusal(heads(4), {{"beta", 0.0}}), out_of_range("beta", "0.0, expected a number above 0")));
  EXPECT_TRUE(begins(refusal(heads(4), {{"gamma", 0.1}}), out_of_range("gamma", "0.1, expected a number below 0")));
  EXPECT_TRUE(begins(refusal(heads(4), {{"zeta", 1.0}}), out_of_range("zeta", "1.0, expected a number above 1")));
  EXPECT_TRUE(begins(refusal(heads(4), {{"epsilon", 0.5}}),
                     out_of_range("epsilon", "0.5, expected a number above 0 and below 0.5")));
  EXPECT_TRUE(
      begins(refusal(heads(4), {{"penalty", -0.1}}), out_of_range("penalty", "-0.1, expected a number of at least 0")));
  EXPECT_TRUE(begins(refusal(heads(4), {{"trials", std::int64_t{0}}}),
                     out_of_range("trials", "0, expected an integer of at least 1")));
  EXPECT_EQ(refusal(heads(4), {{"penalty", 0.0}}),
            "hard-concrete: penalty is 0, expected more: bisection multiplies it\n"
            "    for a training without penalty, use reach = \"top\"");
  EXPECT_NE(refusal(heads(4), {{"reach", std::string("luck")}}).find("luck"), std::string::npos);
}

}  // namespace
}  // namespace espalier::test
