// The searcher differentiable-subset on models whose loss is known.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "../../../plugins/searchers/differentiable-subset/soft_top_k.h"
#include "gate_training.h"
#include "plugins/searching.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

Search subset(GateTraining& model, SearchBudget budget, const Values& values = {}) {
  Search asked;
  asked.searcher = "differentiable-subset";
  asked.settings = Settings(values);
  asked.budget = budget;
  asked.trainable = &model;
  return asked;
}

// Cool enough at the end for a mask, hot enough at the start for every head to be heard.
const Values quick = {{"temperature", 2.0}, {"final_temperature", 1e-3}, {"learning_rate", 0.1}};

TEST(DifferentiableSubset, SaysWhatItNeeds) {
  const auto& plugin = bundled().find("searcher", "differentiable-subset").description;

  EXPECT_TRUE(plugin.has(trains) && plugin.has(uses_randomness) && plugin.has(heads_only));
  EXPECT_FALSE(plugin.has(needs_scores) || plugin.has(needs_data) || plugin.has(evaluates));
  EXPECT_EQ(plugin.budgets(), (std::vector<std::string>{"sparsity", "heads"}));
}

TEST(DifferentiableSubset, ImportancesBeginXavierUniformInThePapersRows) {
  auto sites = layers(1, 2, 1, 4, SiteKind::DecoderSelf);
  sites.push_back(layers(1, 2, 1, 4, SiteKind::DecoderCross).front());
  sites.push_back(layers(1, 2, 1, 4, SiteKind::EncoderSelf).front());
  const Units units(sites, Granularity::Head);
  GateTraining model(indifferent(), 1);
  auto asked = subset(model, heads(3));
  asked.seed = 7;

  search(asked, units);

  Random random(7);
  const auto drawn = (random.uniform(6) * 2 - 1) * std::sqrt(6.0 / (3 + 2));  // encoder, cross, self
  const auto expected = at::cat({drawn.slice(0, 4, 6), drawn.slice(0, 2, 4), drawn.slice(0, 0, 2)});
  EXPECT_TRUE(is_close(model.calls.at(0).learned_before, expected, {1e-15, 0}));
}

TEST(DifferentiableSubset, HasOneImportanceAHeadOfEachAttention) {
  auto translation = layers(6, 4, 1, 8);
  for (int layer = 0; layer < 6; ++layer) {
    translation.push_back(layers(1, 4, 1, 8, SiteKind::DecoderSelf).front());
    translation.push_back(layers(1, 4, 1, 8, SiteKind::DecoderCross).front());
  }
  const std::pair<std::vector<Site>, std::int64_t> models[] = {{layers(12, 12, 1, 12), 144}, {translation, 72}};
  for (const auto& [sites, count] : models) {
    GateTraining model(indifferent(), 1);
    search(subset(model, heads(12)), Units(sites, Granularity::Head));

    const auto& importances = model.calls.at(0).learned_before;
    const double bound = std::sqrt(6.0 / static_cast<double>(sites.size() + static_cast<std::size_t>(sites[0].heads)));
    EXPECT_EQ(importances.numel(), count);
    EXPECT_EQ(importances.scalar_type(), at::kDouble);
    EXPECT_LT(importances.abs().max().item<double>(), bound);
    EXPECT_GT(importances.abs().max().item<double>(), 0.9 * bound);
  }
}

TEST(DifferentiableSubset, GatesSumToWhatStaysAndThoseOfRemovedHeadsAreZero) {
  GateTraining model(planted({1, 0, 1, 0, 1, 0, 1, 0}), 30);
  auto remaining = all_of(two_by_four());
  remaining[1] = false;
  remaining[6] = false;

  test::search(subset(model, heads(3), quick), two_by_four(), remaining, {});

  ASSERT_EQ(model.calls.at(0).gates.size(), 30U);
  for (const auto& gates : model.calls[0].gates) {
    EXPECT_NEAR(gates.sum().item<double>(), 3, 1e-12);
    EXPECT_EQ(gates[1].item<double>(), 0);
    EXPECT_EQ(gates[6].item<double>(), 0);
  }
  EXPECT_NE(model.calls[0].gates[0][0].item<double>(), model.calls[0].gates[1][0].item<double>());
}

TEST(DifferentiableSubset, CoolsDownWithinItsShareOfTheSteps) {
  GateTraining model(indifferent(), 100);
  HeardReport report;
  auto asked = subset(model, heads(4));
  asked.report = &report;

  search(asked, two_by_four());

  const auto& gates = model.calls.at(0).gates;
  EXPECT_TRUE(is_close(gates[0], at::full({8}, 0.5, at::kDouble), {0, 0.02}));  // hot: all alike
  for (std::size_t step = 68; step < 100; ++step)
    EXPECT_TRUE(is_close(gates[step], gates[step].round(), {0, 1e-6}));  // cold: zeros and ones
  EXPECT_EQ(report.numbers.at("steps"), 100);
  EXPECT_DOUBLE_EQ(report.numbers.at("temperature_at_end"), 1e-8);
  EXPECT_EQ(report.numbers.at("training_diverged"), 0);
  EXPECT_TRUE(report.lines.empty());
}

TEST(DifferentiableSubset, WarnsOfATrainingThatEndsBeforeItIsCold) {
  GateTraining model(indifferent(), 101);
  HeardReport report;
  auto asked = subset(model, heads(4), {{"cooling_steps", std::int64_t{200}}});
  asked.report = &report;

  search(asked, two_by_four());

  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_EQ(report.lines[0],
            "differentiable-subset: the training ends after 101 steps, at temperature 0.00316228: cooling takes 200");
  EXPECT_NEAR(report.numbers.at("temperature_at_end"), 3.1622777e-3, 1e-10);
}

TEST(DifferentiableSubset, LearnsByTheSoftTopKsGradient) {
  const std::vector<double> slopes = {3, -1, 0.5, 2, 7, -4, 1, 0};
  GateTraining model([&](const at::Tensor& gates) { return (gates * at::tensor(slopes, at::kDouble)).sum(); }, 1);
  auto remaining = all_of(two_by_four());
  remaining[4] = false;
  test::search(subset(model, heads(3), {{"temperature", 0.8}, {"cooling_steps", std::int64_t{10}}, {"clip_norm", 0.0}}),
               two_by_four(), remaining, {});

  const auto& call = model.calls.at(0);
  Random random(1);
  random.uniform(8);  // the importances
  std::vector<double> keys, by_gates;
  for (std::int64_t i = 0; i < 8; ++i) {
    if (i == 4) continue;
    keys.push_back(call.learned_before[i].item<double>() - std::log(-std::log(random.uniform())));
    by_gates.push_back(slopes[static_cast<std::size_t>(i)]);
  }
  auto by_keys = differentiable_subset::SoftTopK(keys, 3, 0.8).gradient(by_gates);
  by_keys.insert(by_keys.begin() + 4, 0.0);
  EXPECT_TRUE(
      is_close(call.learned_after, call.learned_before - 0.5 * at::tensor(by_keys, at::kDouble), {1e-12, 1e-14}));
}

TEST(DifferentiableSubset, StraightThroughHasKOnesAndHandsTheGradientThrough) {
  const auto slopes = at::tensor(std::vector<double>{3, -1, 0.5, 2, 7, -4, 1, 0}, at::kDouble);
  for (std::int64_t count = 1; count <= 7; ++count) {
    GateTraining model([&](const at::Tensor& gates) { return (gates * slopes).sum(); }, 1);
    auto remaining = all_of(two_by_four());
    remaining[4] = false;

    test::search(subset(model, heads(count), {{"estimator", std::string("straight-through")}, {"clip_norm", 0.0}}),
                 two_by_four(), remaining, {});

    const auto& call = model.calls.at(0);
    const auto left = call.learned_before.masked_select(remaining);
    const auto smallest = std::get<0>(left.sort(0, true))[count - 1];
    EXPECT_TRUE(is_close(call.gates[0], call.learned_before.ge(smallest).logical_and(remaining).to(at::kDouble)));
    EXPECT_EQ(call.gates[0].sum().item<double>(), static_cast<double>(count));
    EXPECT_TRUE(is_close(call.learned_before - call.learned_after, 0.5 * slopes * remaining, {1e-12, 1e-14}));
  }
}

TEST(DifferentiableSubset, StraightThroughHasNoTemperature) {
  GateTraining model(indifferent(), 5);
  HeardReport report;
  auto asked =
      subset(model, heads(4), {{"estimator", std::string("straight-through")}, {"cooling_steps", std::int64_t{200}}});
  asked.report = &report;

  search(asked, two_by_four());

  EXPECT_FALSE(report.numbers.contains("temperature_at_end"));
  EXPECT_TRUE(report.lines.empty());
  for (const auto& gates : model.calls.at(0).gates) EXPECT_TRUE(gates.equal(model.calls[0].gates[0]));
}

TEST(DifferentiableSubset, FindsTheHeadsThatMatter) {
  for (const std::string estimator : {"gumbel", "straight-through"}) {
    for (const std::string mode : {"joint", "pipelined"}) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        GateTraining model(planted({1, 0, 0, 1, 0, 1, 0, 1}), 200);
        auto asked = subset(model, heads(4), with(quick, {{"estimator", estimator}, {"mode", mode}}));
        asked.seed = seed;

        EXPECT_EQ(heads_of(search(asked, two_by_four())), "1001 0101") << estimator << " " << mode << " " << seed;
      }
    }
  }
}

TEST(DifferentiableSubset, KeepsExactlyWhatTheBudgetSays) {
  for (const std::string estimator : {"gumbel", "straight-through"}) {
    for (const bool some_are_gone : {false, true}) {
      auto remaining = all_of(two_by_four());
      if (some_are_gone) remaining[0] = remaining[5] = false;
      for (std::int64_t count = 1; count <= 8; ++count) {
        GateTraining model(planted({1, 0, 0, 1, 0, 1, 0, 1}), 10);

        const auto mask =
            test::search(subset(model, heads(count), {{"estimator", estimator}}), two_by_four(), remaining, {});

        const auto kept = two_by_four().remaining(mask);
        EXPECT_EQ(count_of(kept), std::min<std::int64_t>(count, some_are_gone ? 6 : 8));
        EXPECT_EQ(count_of(kept.logical_and(remaining.logical_not())), 0);
      }
    }
  }
  GateTraining model(indifferent(), 3);
  const auto mask = search(subset(model, {SearchBudget::Kind::Sparsity, 0.75, Rounding::Nearest}), two_by_four());
  EXPECT_EQ(count_of(two_by_four().remaining(mask)), 2);
}

TEST(DifferentiableSubset, TrainsAlsoWhereAllHeadsStay) {
  GateTraining model(planted({1, 0, 0, 1, 0, 1, 0, 1}), 10);

  const auto mask =
      search(subset(model, heads(8), {{"temperature", 1.0}, {"cooling_steps", std::int64_t{1000}}}), two_by_four());

  EXPECT_TRUE(mask.keeps_everything());
  const auto& gates = model.calls.at(0).gates[0];
  EXPECT_NEAR(gates.sum().item<double>(), 8, 1e-12);
  EXPECT_GT((gates - 1).abs().max().item<double>(), 0.01);
}

TEST(DifferentiableSubset, JointTrainsAllTensorsAndPipelinedTheGatesAlone) {
  GateTraining joint(indifferent(), 3), pipelined(indifferent(), 3);
  const Values rates = {{"learning_rate", 1e-3}, {"weight_decay", 0.01}};

  search(subset(joint, heads(4), rates), two_by_four());
  search(subset(pipelined, heads(4), with(rates, {{"mode", std::string("pipelined")}})), two_by_four());

  const auto& groups = joint.calls.at(0).groups;
  ASSERT_EQ(groups.size(), 3U);
  ASSERT_EQ(groups[0].tensors.size(), 1U);
  EXPECT_TRUE(groups[0].tensors[0].is_same(joint.weight()));
  EXPECT_EQ(groups[0].learning_rate, 1e-3);
  EXPECT_EQ(groups[0].weight_decay, 0.01);
  ASSERT_EQ(groups[1].tensors.size(), 1U);
  EXPECT_TRUE(groups[1].tensors[0].is_same(joint.bias()));
  EXPECT_EQ(groups[1].weight_decay, 0);
  EXPECT_EQ(groups[2].learning_rate, 0.5);
  EXPECT_EQ(groups[2].weight_decay, 0);
  EXPECT_FALSE(joint.calls[0].weight_after.equal(joint.calls[0].weight_before));
  ASSERT_EQ(pipelined.calls.at(0).groups.size(), 1U);
  EXPECT_EQ(pipelined.calls[0].groups[0].tensors.size(), 1U);
  EXPECT_EQ(pipelined.calls[0].groups[0].learning_rate, 0.5);
  EXPECT_TRUE(pipelined.calls[0].weight_after.equal(pipelined.calls[0].weight_before));
}

TEST(DifferentiableSubset, TrainsAsItsSettingsSay) {
  GateTraining model(indifferent(), 12);
  HeardReport report;
  auto asked = subset(model, heads(4),
                      {{"epochs", std::int64_t{3}}, {"accumulate", std::int64_t{2}}, {"loss", std::string("bce")}});
  asked.report = &report;

  search(asked, two_by_four());

  const auto& call = model.calls.at(0);
  EXPECT_EQ(call.plan.epochs, 3);
  EXPECT_EQ(call.objective.loss, "bce");
  EXPECT_FALSE(call.plan.best_on_validation);
  EXPECT_EQ(call.gates.size(), 36U);  // afresh in every batch, also between steps
  EXPECT_EQ(report.numbers.at("steps"), 18);
}

TEST(DifferentiableSubset, SaysThatATrainingDivergedAndStillAnswers) {
  GateTraining model([](const at::Tensor& gates) { return gates.sum() * std::numeric_limits<double>::quiet_NaN(); },
                     10);
  model.diverging_call = 0;
  model.diverging_step = 2;
  HeardReport report;
  auto asked = subset(model, heads(3));
  asked.report = &report;

  const auto mask = search(asked, two_by_four());

  EXPECT_EQ(report.numbers.at("training_diverged"), 1);
  EXPECT_TRUE(model.calls.at(0).learned_after.isnan().any().item<bool>());
  EXPECT_EQ(count_of(two_by_four().remaining(mask)), 3);
}

TEST(DifferentiableSubset, GivesTheSameMaskForTheSameSeed) {
  std::vector<std::string> digests;
  for (const std::uint64_t seed : {5, 5, 6}) {
    GateTraining model(indifferent(), 5);
    auto asked = subset(model, heads(4));
    asked.seed = seed;
    digests.push_back(search(asked, two_by_four()).digest());
  }

  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_NE(digests[0], digests[2]);
}

TEST(DifferentiableSubset, RefusesWhatItCannotLearn) {
  const auto refusal = [](SearchBudget budget, const Values& values, Scope scope = Scope::Global) {
    GateTraining model(indifferent(), 1);
    auto asked = subset(model, budget, values);
    asked.scope = scope;
    return message_of<SettingsError>([&] { search(asked, two_by_four()); });
  };

  EXPECT_EQ(refusal(heads(0), {}),
            "differentiable-subset: the budget keeps no head, so that nothing is left to learn\n    keep at least one");
  EXPECT_EQ(refusal(heads(9), {}), "heads = 9 cannot be kept: the chosen sites have 8");
  EXPECT_EQ(refusal({SearchBudget::Kind::Macs, 0.5}, {}),
            "differentiable-subset understands the budgets heads and sparsity, and was given another");
  EXPECT_EQ(
      refusal(heads(4), {}, Scope::Local),
      "differentiable-subset: scope local is not understood\n    its one budget is of all sites: use scope global");
  const auto expects = [&](const Values& values, const std::string& expected) {
    const auto message = refusal(heads(4), values);
    const auto& name = values.begin()->first;
    EXPECT_TRUE(message.starts_with("setting '" + name + "' of searcher 'differentiable-subset' is ")) << message;
    EXPECT_NE(message.find(", expected " + expected + " ("), std::string::npos) << message;
  };
  expects({{"temperature", 0.0}}, "a number above 0");
  expects({{"final_temperature", -1.0}}, "a number above 0");
  expects({{"cooling_steps", std::int64_t{-3}}}, "an integer of at least 0");
  expects({{"cooling_share", 1.5}}, "a number from 0 to 1");
  EXPECT_NE(refusal(heads(4), {{"mode", std::string("both")}}).find("both"), std::string::npos);
}

}  // namespace
}  // namespace espalier::test
