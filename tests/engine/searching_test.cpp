// Cells that search.
#include "engine/searching.h"

#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base_model.h"
#include "families/families.h"
#include "family_cells.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

class Searching : public testing::Test {
 protected:
  Searching() {
    tiny.cell.scorer.name = tiny.cell.scorer.plugin = "none";
    tiny.cell.budget = {BudgetKind::Heads, 3};
  }
  engine::CellResult run() { return tiny.engine()->run(tiny.cell); }
  static std::int64_t heads_left(const Point& point) {
    std::int64_t heads = 0;
    const auto details = to_json(point.details.value());
    for (const auto& site : details["sites"]) heads += site["heads"].get<std::int64_t>();
    return heads;
  }

  TinyCell tiny;
};

TEST_F(Searching, LearnedGatesKeepAsManyHeadsAsAsked) {
  for (const std::string mode : {"joint", "pipelined"}) {
    for (const std::string estimator : {"gumbel", "straight-through"}) {
      tiny.cell.searcher =
          tiny.plugin("searcher", "differentiable-subset", Settings({{"mode", mode}, {"estimator", estimator}}));
      const auto result = run();
      ASSERT_EQ(result.points.size(), 2u);
      EXPECT_EQ(result.failure, "");
      EXPECT_TRUE(result.points[1].proof_passed.value());
      EXPECT_EQ(heads_left(result.points[1]), 3) << mode << ' ' << estimator;
      const auto search = to_json(result.points[1].details.value())["search"];
      EXPECT_EQ(search["trainings"].size(), 1u);
      EXPECT_GT(search["trainings"][0]["steps"], 0);
      EXPECT_EQ(result.plugins.size(), 1u) << "no scorer takes part";
    }
  }
}

TEST_F(Searching, JointTrainingChangesTheModelAndPipelinedDoesNot) {
  tiny.cell.budget = {BudgetKind::Heads, 6};  // all of them: what differs is the training alone
  tiny.cell.searcher = tiny.plugin("searcher", "differentiable-subset", Settings({{"mode", std::string("pipelined")}}));
  const auto pipelined = run();
  EXPECT_EQ(pipelined.points[1].predictions, pipelined.points[0].predictions);
  EXPECT_EQ(pipelined.points[1].metrics.at("cross_entropy"), pipelined.points[0].metrics.at("cross_entropy"));
  tiny.cell.searcher = tiny.plugin("searcher", "differentiable-subset",
                                   Settings({{"mode", std::string("joint")}, {"learning_rate", 5e-3}}));
  const auto joint = run();
  EXPECT_NE(joint.points[1].metrics.at("cross_entropy"), joint.points[0].metrics.at("cross_entropy"));
}

TEST_F(Searching, AGuaranteeHoldsWhenItIsEvaluatedAfresh) {
  tiny.cell.budget = {BudgetKind::LossOfMetric, 0.05};
  for (const std::string method : {"lazy-greedy", "a-star"}) {
    tiny.cell.searcher =
        tiny.plugin("searcher", "a-star", Settings({{"method", method}, {"heuristic", std::string("single")}}));
    const auto result = run();
    const auto search = to_json(result.points[1].details.value())["search"];
    EXPECT_EQ(search["notes"]["guarantee_met"], 1);
    EXPECT_GE(search["evaluations"], 6);
    EXPECT_FALSE(search["trajectory"].empty());

    engine::BaseModels models(tiny.folder / "fresh", {});
    auto& base = models.get(tiny.cell);
    const auto& validation = base.task->split("validation");
    const auto kept = to_json(result.points[1].details.value())["sites"];
    Mask mask(base.model->sites());
    for (std::int64_t site = 0; site < mask.size(); ++site) {
      for (std::int64_t head = 0; head < 3; ++head) {
        if (kept[static_cast<std::size_t>(site)]["vo"][static_cast<std::size_t>(head)] != 0) continue;
        for (const auto projection : all_projections) mask.site(site).of(projection)[head].fill_(false);
      }
    }
    const double dense = base.task->evaluate(*base.model, validation).metrics.at("accuracy");
    EXPECT_GE(base.task->evaluate(*base.model->masked(mask), validation).metrics.at("accuracy"), dense - 0.05 - 1e-12);
  }
}

TEST_F(Searching, ASearchThatIsRepeatedComputesNothingAgain) {
  tiny.cell.budget = {BudgetKind::LossOfMetric, 0.05};
  tiny.cell.searcher = tiny.plugin("searcher", "a-star");
  const auto first = to_json(run().points[1].details.value())["search"];
  const auto again = to_json(run().points[1].details.value())["search"];
  EXPECT_GT(first["computed"], 0);
  EXPECT_EQ(again["computed"], 0);
  EXPECT_EQ(again["evaluations"], first["evaluations"]);
  const auto without_seconds = [](nlohmann::json trajectory) {
    for (auto& step : trajectory) EXPECT_EQ(step.erase("seconds"), 1u);
    return trajectory;
  };
  EXPECT_EQ(without_seconds(again["trajectory"]), without_seconds(first["trajectory"]));
}

// Of the whole model, in every family: what the compacted model does is what was asked for, or less by a head.
TEST(MultiplyAdds, OfTheWholeModelAreTheShareThatWasAsked) {
  for (const auto& format : data_formats()) {
    if (format == "audio-tagging") continue;  // the same model as of one class
    TinyCell tiny;
    use_format(tiny, format);
    tiny.cell.dataset.split["validation"] = tiny.cell.dataset.split["test"];  // one typical length
    tiny.cell.scorer.name = tiny.cell.scorer.plugin = "none";
    tiny.cell.searcher = tiny.plugin("searcher", "mac-budget", with({{"samples", std::int64_t{60}}}));
    const auto share_of = [&](double asked) {
      tiny.cell.budget = {BudgetKind::Macs, asked};
      const auto result = tiny.engine()->run(tiny.cell);
      EXPECT_EQ(result.failure, "");
      const auto details = to_json(result.points.at(1).details.value());
      const auto& operations = details["operations"];
      const double share = operations["macs"].get<double>() / operations["macs_dense"].get<double>();
      EXPECT_NEAR(details["search"]["notes"]["macs_kept_share"].get<double>(), share, 1e-9);
      return std::pair(share, details["search"]["notes"]["heads"].get<std::int64_t>());
    };
    EXPECT_EQ(share_of(1).first, 1);
    tiny.cell.budget = {BudgetKind::Macs, 0.01};
    const auto refusal = message_of<SettingsError>([&] { tiny.engine()->run(tiny.cell); });
    const std::string before = "macs = 0.01 cannot be met: without any head of the chosen sites the model does ";
    ASSERT_EQ(refusal.find(before), 0u) << refusal;
    const double least = std::stod(refusal.substr(before.size()));
    const auto [of_least, no_heads] = share_of(least);
    EXPECT_NEAR(of_least, least, 1e-6) << format;
    EXPECT_EQ(no_heads, 0);
    const auto model = families::read_model(tiny.cell.model.checkpoint);
    const double heads = static_cast<double>(Units(model->sites(), Granularity::Head).count());
    for (const double part : {0.3, 0.5, 0.8}) {
      const double asked = least + part * (1 - least);
      const auto [share, kept] = share_of(asked);
      EXPECT_LE(share, asked + 1e-9) << format;
      EXPECT_GT(kept, 0) << format;
      EXPECT_LT(static_cast<double>(kept), heads);
      EXPECT_GT(share + 4 * (1 - least) / heads, asked - 1e-9) << format;  // no room for another
    }
  }
}

TEST_F(Searching, AStoppingErrorIsSaid) {
  tiny.cell.budget = {BudgetKind::LossOfMetric, 0.05};
  tiny.cell.searcher = tiny.plugin("searcher", "a-star", Settings({{"stopping_error", 0.05}}));
  const auto notes = to_json(run().points.at(1).details.value())["search"]["notes"];
  EXPECT_NE(notes["stopping"].get<std::string>().find(" answers within an error of 0.05"), std::string::npos);
  EXPECT_EQ(notes["guarantee_met"], 1);
  tiny.cell.searcher = tiny.plugin("searcher", "a-star");
  EXPECT_FALSE(to_json(run().points.at(1).details.value())["search"]["notes"].contains("stopping"));
}

TEST_F(Searching, ANumberOfHeadsGuaranteesNothing) {
  for (const std::string searcher : {"a-star", "beam"}) {
    tiny.cell.searcher = tiny.plugin("searcher", searcher);
    const auto notes = to_json(run().points.at(1).details.value())["search"]["notes"];
    EXPECT_EQ(notes["heads_pruned"], 3);
    EXPECT_FALSE(notes.contains("guarantee_met")) << searcher;
  }
}

TEST_F(Searching, ABoundOnTimeIsPredictedAndMeasured) {
  tiny.cell.scorer = tiny.plugin("scorer", "magnitude");
  tiny.cell.searcher = tiny.plugin("searcher", "latency-aware");
  tiny.cell.budget = {BudgetKind::Latency, 1.0};
  const auto notes = to_json(run().points[1].details.value())["search"]["notes"];
  for (const char* name : {"dense_milliseconds", "predicted_milliseconds", "measured_milliseconds"})
    EXPECT_GT(notes[name].get<double>(), 0) << name;
}

TEST_F(Searching, WithoutDataIsRefused) {
  const auto model = families::read_model(tiny.cell.model.checkpoint);
  const Units units(model->sites(), Granularity::Head);
  const Mask everything(model->sites());
  const auto refusal = [&](const std::string& searcher) {
    engine::SearchRequest request;
    request.searcher = searcher;
    request.settings = tiny.plugin("searcher", searcher).settings;
    request.budget = tiny.cell.budget;
    return message_of<SettingsError>([&] {
      engine::search(bundled_plugins(), {*model, *model, units, everything, {}}, request, {});
    });
  };
  EXPECT_EQ(refusal("differentiable-subset"),
            "searcher 'differentiable-subset' trains, which needs data\n    use it in an experiment (espalier run)");
  EXPECT_EQ(refusal("a-star"),
            "searcher 'a-star' evaluates masks, which needs data\n    use it in an experiment (espalier run)");
}

TEST_F(Searching, ARankingWithoutAScorerIsRefused) {
  tiny.cell.searcher = tiny.plugin("searcher", "ranking");
  EXPECT_EQ(message_of<SettingsError>([&] { run(); }), "searcher 'ranking' ranks scores, and the cell has no scorer");
}

}  // namespace
}  // namespace espalier::test
