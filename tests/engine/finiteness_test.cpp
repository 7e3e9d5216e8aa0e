// Nothing that is not a number becomes a metric, a base model, a cache entry or a hang: trainings that blow up in their
// last step, in the middle and with every optimiser, in every family; models whose outputs overflow.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/finiteness.h"
#include "engine/training.h"
#include "family_cells.h"
#include "mask_evaluator.h"
#include "nn/safetensors.h"
#include "recovering.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;

// Weights that are numbers and give none: a product of two of them is infinite.
std::unique_ptr<nn::Model> overflowing(const nn::Model& model) {
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : model.parameters()) tensors.push_back(at::full_like(parameter.tensor, 1e30));
  return model.with_parameters(tensors);
}

void write_overflowing(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive);
  auto file = nn::read_safetensors(from / "model.safetensors");
  for (auto& [name, tensor] : file.tensors) {
    if (tensor.is_floating_point()) tensor = at::full_like(tensor, 1e30);
  }
  nn::write_safetensors(to / "model.safetensors", file);
}

void expect_numbers(const Point& point) {
  EXPECT_EQ(data::examples_not_finite(point.metrics), 0);
  for (const auto& [name, value] : point.metrics) EXPECT_TRUE(std::isfinite(value)) << name;
}

bool holds(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  for (auto entry = fs::recursive_directory_iterator(folder, ignored);
       !ignored && entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
    if (entry->path().filename() == name) return true;
  }
  return false;
}

// --- metrics

TEST(Finiteness, OfOutputsDecidesOverEveryMetric) {
  for (const auto& format : data_formats()) {
    TinyCell tiny;
    use_format(tiny, format);
    engine::BaseModels models(tiny.folder / "cache", {});
    auto& base = models.get(tiny.cell);
    const auto& split = base.task->split("test");
    const auto sound = base.task->evaluate(*base.model, split);
    const auto broken = base.task->evaluate(*overflowing(*base.model), split);

    EXPECT_EQ(data::examples_not_finite(sound.metrics), 0) << format;
    EXPECT_EQ(data::examples_not_finite(broken.metrics), sound.examples) << format;
    for (const auto& [name, value] : sound.metrics) {
      EXPECT_TRUE(std::isfinite(value)) << format << ' ' << name;
      EXPECT_TRUE(std::isnan(broken.metrics.at(name))) << format << ' ' << name;
    }
    EXPECT_EQ(broken.outcomes, std::string(sound.outcomes.size(), '0'));
    EXPECT_EQ(tasks::lack_of_numbers(sound, "the model", "test"), "");
    EXPECT_NE(message_of<InputError>([&] { tasks::require_numbers(broken, "m: the model", "test"); })
                  .find("m: the model gives no numbers for " + std::to_string(sound.examples) + " of " +
                        std::to_string(sound.examples) + " examples of the test split"),
              std::string::npos);
  }
}

TEST(Finiteness, OfTheDenseModelIsAskedForBeforeAnythingIsKept) {
  for (const auto& format : data_formats()) {
    TinyCell tiny;
    use_format(tiny, format);
    std::string folder = tiny.cell.model.checkpoint;
    if (tiny.cell.model.train) {
      engine::BaseModels models(tiny.folder / "made", {});
      folder = models.get(tiny.cell).folder.string();
      tiny.cell.model.train.reset();
    }
    write_overflowing(folder, tiny.folder / "broken");
    tiny.cell.model.checkpoint = (tiny.folder / "broken").string();
    const auto message = message_of<InputError>([&] { tiny.engine()->run(tiny.cell); });
    EXPECT_NE(message.find("/broken: the model gives no numbers for "), std::string::npos) << format << message;
    EXPECT_NE(message.find("use another checkpoint"), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(tiny.folder / "cache/dense") && !fs::is_empty(tiny.folder / "cache/dense"));
  }
}

// --- trainings

constexpr std::int64_t one_step = 1000;  // examples a batch: all of them

TEST(Divergence, OfABaseModelIsOneSentenceAndNeverKept) {
  for (const auto& format : data_formats()) {
    for (const std::int64_t epochs : {1, 2}) {
      for (const bool validates : {true, false}) {
        TinyCell tiny;
        use_format(tiny, format);
        if (!tiny.cell.model.train) continue;  // speech has no base models
        tiny.cell.model.train->epochs = epochs;
        tiny.cell.model.train->batch = one_step;
        tiny.cell.model.train->learning_rate = 1e30;
        tiny.cell.model.train->warmup = 0;
        if (!validates) tiny.cell.dataset.split.erase("validation");
        int trainings = 0;
        engine::Engine engine(bundled_plugins(), tiny.folder / "cache", {[&](const std::string&) { ++trainings; }, {}});
        const auto message = message_of<InputError>([&] { engine.run(tiny.cell); });
        EXPECT_EQ(message.find("base model 'tiny': training diverged: "), 0u) << format << message;
        EXPECT_NE(message.find("lower the learning rate (found 1e+30)"), std::string::npos) << message;
        EXPECT_FALSE(holds(tiny.folder / "cache/base_models", "model.safetensors"));
        // The next cell of it fails at once, with the same words.
        const auto before = trainings;
        tiny.cell.seed = 5;
        EXPECT_EQ(message_of<InputError>([&] { engine.run(tiny.cell); }), message);
        EXPECT_EQ(trainings, before);
      }
    }
  }
}

struct Blow {
  std::string recovery;
  std::map<std::string, SettingValue> settings;
};

TEST(Divergence, OfARecoveryEndsWithTheLastModelThatGivesNumbers) {
  const std::vector<Blow> blows = {{"finetune", {{"optimiser", std::string("sgd")}}},
                                   {"finetune", {{"optimiser", std::string("adamw")}}},
                                   {"lora", {}},
                                   {"distill", {}}};
  for (const auto& format : data_formats()) {
    for (const auto& blow : blows) {
      for (const std::int64_t epochs : {1, 2}) {
        for (const bool validates : {true, false}) {
          SCOPED_TRACE(format + ", " + blow.recovery + ", epochs " + std::to_string(epochs) +
                       (validates ? ", validated" : ""));
          TinyCell tiny;
          use_format(tiny, format);
          auto settings = blow.settings;
          settings["learning_rate"] = 1e30;
          settings["clip_norm"] = 0.0;
          settings["warmup"] = 0.0;
          settings["epochs"] = epochs;
          settings["batch"] = one_step;
          tiny.cell.recovery = tiny.plugin("recovery", blow.recovery, with(settings));
          if (!validates) tiny.cell.dataset.split.erase("validation");
          const auto result = tiny.engine()->run(tiny.cell);
          EXPECT_EQ(result.failure, "");
          ASSERT_EQ(result.points.size(), 3u);
          EXPECT_EQ(result.points[2].kind, "diverged");
          for (const auto& point : result.points) expect_numbers(point);
          // As it was before the training.
          EXPECT_EQ(result.points[2].predictions, result.points[1].predictions);
          const auto training = to_json(result.timing)["recovery"][0][0];
          EXPECT_NE(training["divergence"].get<std::string>().find("lower the learning rate"), std::string::npos);
        }
      }
    }
  }
}

// Several steps: the second starts from what the first, which diverged, left, and so does a cell that goes on.
TEST(Divergence, IsFollowedByFurtherSteps) {
  TinyCell tiny;
  tiny.cell.scorer = tiny.plugin("scorer", "fisher", with({{"split", std::string("train")}}));
  tiny.cell.schedule = ScheduleSettings{2, 0.3, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
  tiny.cell.budget = {std::nullopt, 0};
  tiny.cell.recovery =
      tiny.plugin("recovery", "finetune", with({{"learning_rate", 1e30}, {"warmup", 0.0}, {"batch", one_step}}));
  const auto result = tiny.engine()->run(tiny.cell);
  ASSERT_EQ(result.points.size(), 5u);
  EXPECT_EQ(result.points[2].kind, "diverged");
  EXPECT_EQ(result.points[4].kind, "diverged");
  for (const auto& point : result.points) expect_numbers(point);
}

TEST(Divergence, OfLearnedGatesIsSaidByThePoint) {
  for (const std::string searcher : {"differentiable-subset", "hard-concrete"}) {
    for (const bool joint : {true, false}) {
      const std::string mode = joint ? "joint" : searcher == "hard-concrete" ? "gates-only" : "pipelined";
      TinyCell tiny;
      tiny.cell.scorer.name = tiny.cell.scorer.plugin = "none";
      tiny.cell.budget = {BudgetKind::Heads, 3};
      const char* rate = joint ? "learning_rate" : "gate_learning_rate";
      auto settings = std::map<std::string, SettingValue>{{"mode", mode}, {rate, 1e38}, {"clip_norm", 0.0}};
      settings["epochs"] = std::int64_t{2};
      tiny.cell.searcher = tiny.plugin("searcher", searcher, with(settings));
      const auto result = tiny.engine()->run(tiny.cell);
      ASSERT_EQ(result.points.size(), 2u) << searcher << mode;
      EXPECT_EQ(result.failure, "");
      const auto search = to_json(result.points[1].details.value())["search"];
      const bool diverged = search["notes"]["training_diverged"] == 1;
      EXPECT_EQ(result.points[1].kind, diverged ? "diverged" : "pruned") << searcher << mode;
      EXPECT_TRUE(diverged || !joint) << searcher;
      for (const auto& point : result.points) expect_numbers(point);
    }
  }
}

TEST(Divergence, OfMaskTuningStopsTheTuning) {
  TinyCell tiny;
  tiny.cell.recovery = tiny.plugin("recovery", "mask-tuning", with({{"largest", 1e-30}}));
  const auto result = tiny.engine()->run(tiny.cell);
  ASSERT_EQ(result.points.size(), 3u);
  EXPECT_EQ(result.points[2].metrics, result.points[1].metrics);
}

// A recovery that writes into tensors itself is not believed either.
TEST(Divergence, AreWeightsThatTrainingLeaves) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", {});
  auto& base = models.get(tiny.cell);
  for (const double value : {1e30, std::numeric_limits<double>::infinity()}) {
    const auto model = base.model->trainable_copy();
    engine::Training training;
    std::vector<at::Tensor> tensors;
    for (const auto& parameter : model->parameters()) tensors.push_back(parameter.tensor);
    const auto before = tensors[0].clone();
    training.groups = {{tensors, 1, 0}};
    const auto& split = base.task->split("train");
    at::Tensor leaf = at::zeros({1}, at::kFloat).requires_grad_(true);
    training.loss = [&](const std::vector<data::Rows>&, Random&, engine::TrainingStep) { return leaf.sum(); };
    training.after_step = [&] {
      const at::NoGradGuard no_gradients;
      for (auto& tensor : tensors) tensor.fill_(value);
    };
    training.gives_numbers = [&](const std::vector<data::Rows>& batch) {
      return engine::gives_numbers(*model, split, batch);
    };
    TrainingPlan plan;
    plan.epochs = 2;
    plan.batch = one_step;
    const auto report = engine::train(training, plan, *base.task, 1, {});
    EXPECT_EQ(report.best_epoch, 0);
    EXPECT_EQ(report.divergence.find(std::isfinite(value) ? "the model gives no numbers after step 1 of 2"
                                                          : "weights are not finite after step 1 of 2"),
              0u)
        << report.divergence;
    EXPECT_TRUE(tensors[0].equal(before));
  }
}

// --- evaluations

TEST(Finiteness, OfAnEvaluationIsNotWrittenIntoTheJournal) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", {});
  auto& base = models.get(tiny.cell);
  const auto model = overflowing(*base.model);
  const Mask everything(base.model->sites());
  const Watch watch;
  fs::path journal;
  for (int run = 0; run < 2; ++run) {
    engine::SplitEvaluator evaluator(*model, everything, *base.task,
                                     {"", ComputeType::Float32, {}, tiny.folder / "kept", "broken"}, watch);
    journal = evaluator.journal();
    EXPECT_TRUE(std::isnan(evaluator.evaluate(everything, -std::numeric_limits<double>::infinity()).quality));
    EXPECT_EQ(evaluator.work().computed, 1);
  }
  EXPECT_FALSE(fs::exists(journal));
  // As an earlier version left it.
  fs::create_directories(journal.parent_path());
  std::ofstream(journal) << R"({"complete":true,"examples":40,"mask":")" << everything.digest()
                         << R"(","quality":null})" << '\n';
  engine::SplitEvaluator evaluator(*base.model, everything, *base.task,
                                   {"", ComputeType::Float32, {}, tiny.folder / "kept", "broken"}, watch);
  EXPECT_TRUE(std::isfinite(evaluator.evaluate(everything, -std::numeric_limits<double>::infinity()).quality));
}

}  // namespace
}  // namespace espalier::test
