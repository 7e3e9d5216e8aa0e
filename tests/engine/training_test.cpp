#include "engine/training.h"
#include "families/families.h"
#include "tasks/text_task.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "families/tiny_bert.h"
#include "nn/arithmetic.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

struct Training {
  Training() : digests(tiny.folder / "cache"), task(tiny.cell.dataset, tiny.cell.model.checkpoint, {}, digests) {
    start = families::read_model(tiny.cell.model.checkpoint)->with_head(task.labels(), 1);
  }
  std::unique_ptr<nn::Model> run(const TrainSettings& settings, std::uint64_t seed = 3) {
    report = {};
    return engine::fine_tune(*start, task, settings, seed, report, {});
  }
  TinyCell tiny;
  DigestMemory digests;
  tasks::TextTask task;
  std::unique_ptr<nn::Model> start;
  TrainingReport report;
};

TEST(Training, LearnsATaskThatCanBeLearnt) {
  Training training;
  TrainSettings settings = *training.tiny.cell.model.train;
  settings.epochs = 12;
  settings.learning_rate = 1e-2;

  const auto model = training.run(settings);

  EXPECT_LT(training.report.epochs.back().training_loss, 0.5 * training.report.epochs.front().training_loss);
  EXPECT_GT(training.task.evaluate(*model, training.task.split("test")).metrics.at("accuracy"), 0.9);
}

TEST(Training, KeepsTheBestEpoch) {
  Training training;
  TrainSettings settings = *training.tiny.cell.model.train;
  settings.epochs = 6;
  settings.learning_rate = 2e-2;

  const auto model = training.run(settings);

  const auto best = static_cast<std::size_t>(training.report.best_epoch - 1);
  const auto measured = training.task.evaluate(*model, training.task.split("validation")).metrics;
  EXPECT_NEAR(measured.at("accuracy"), training.report.epochs[best].validation.at("accuracy"), 1e-12);
  for (const auto& epoch : training.report.epochs) EXPECT_LE(epoch.validation.at("accuracy"), measured.at("accuracy"));
}

TEST(Training, EqualSeedsGiveEqualModels) {
  Training training;
  const TrainSettings settings = *training.tiny.cell.model.train;

  const auto a = training.run(settings), b = training.run(settings), c = training.run(settings, 4);

  const auto first = a->parameters(), second = b->parameters(), third = c->parameters();
  bool differs = false;
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(is_close(first[i].tensor, second[i].tensor)) << first[i].name;
    differs = differs || !is_close(first[i].tensor, third[i].tensor);
  }
  EXPECT_TRUE(differs);
}

TEST(Training, LeavesTheModelItStartsFromAsItWas) {
  Training training;
  const auto before = training.start->parameters().front().tensor.clone();

  training.run(*training.tiny.cell.model.train);

  EXPECT_TRUE(is_close(training.start->parameters().front().tensor, before));
}

// Autocast keeps the half copies of weights: were they not forgotten, every step after the first would compute with the
// weights of the first, and only what is not cast (embeddings, norms, biases) would learn.
TEST(Training, UnderBfloat16LearnsAsInFloat32) {
  Training training;
  TrainSettings settings = *training.tiny.cell.model.train;
  settings.epochs = 8;
  settings.learning_rate = 1e-2;
  const auto losses = [&](ComputeType type) {
    const nn::ComputeGuard compute(type, at::kCPU, nn::ComputeGuard::Purpose::Gradients);
    training.run(settings);
    std::vector<double> of_epochs;
    for (const auto& epoch : training.report.epochs) of_epochs.push_back(epoch.training_loss);
    return of_epochs;
  };

  const auto single = losses(ComputeType::Float32), half = losses(ComputeType::BFloat16);

  ASSERT_EQ(half.size(), single.size());
  EXPECT_LT(single.back(), 0.5 * single.front());
  for (std::size_t epoch = 0; epoch < single.size(); ++epoch)
    EXPECT_NEAR(half[epoch], single[epoch], 0.04 * single.front()) << "epoch " << epoch;
}

TEST(Training, DivergenceNamesTheStepAndTheRate) {
  Training training;
  TrainSettings settings = *training.tiny.cell.model.train;
  settings.learning_rate = 1e30;
  settings.clip_norm = 0;

  const auto message = message_of<InputError>([&] { training.run(settings); });

  EXPECT_NE(message.find("training diverged: the loss is"), std::string::npos) << message;
  EXPECT_NE(message.find("lower the learning rate (found 1e+30)"), std::string::npos) << message;
}

// 100 steps, 5 of them warm-up: the peak after five, half of it in the middle of the cosine, nothing at the end.
TEST(LearningRate, WarmsUpAndDecays) {
  TrainingPlan plan;
  plan.warmup = 0.05;
  EXPECT_DOUBLE_EQ(engine::rate_at(0, 100, plan), 0.2);
  EXPECT_DOUBLE_EQ(engine::rate_at(4, 100, plan), 1);
  EXPECT_DOUBLE_EQ(engine::rate_at(5, 100, plan), 1);
  EXPECT_NEAR((engine::rate_at(52, 100, plan) + engine::rate_at(53, 100, plan)) / 2, 0.5, 1e-12);
  EXPECT_NEAR(engine::rate_at(100, 100, plan), 0, 1e-12);
  plan.decay = "linear";
  EXPECT_DOUBLE_EQ(engine::rate_at(5, 105, plan), 99.0 / 99.0);
  EXPECT_DOUBLE_EQ(engine::rate_at(99, 105, plan), 6.0 / 99.0);
  plan.decay = "none";
  EXPECT_DOUBLE_EQ(engine::rate_at(99, 100, plan), 1);
}

// One weight under SGD without warm-up or decay, whose gradients are 1, 2 and 3 in three batches of 40 of 120 examples.
struct ByHand {
  ByHand() {
    plan.optimiser = "sgd";
    plan.warmup = plan.clip_norm = 0;
    plan.decay = "none";
    plan.batch = 40;
    by_hand.groups = {{{weight}, 0.1, 0}};
    by_hand.loss = [this](const std::vector<data::Rows>&, Random&, engine::TrainingStep) {
      return (weight * ++slope).sum();
    };
  }
  TrainingReport run() { return engine::train(by_hand, plan, training.task, 1, {}); }

  Training training;
  TrainingPlan plan;
  at::Tensor weight = at::ones({1}).requires_grad_(true);

 private:
  engine::Training by_hand;
  double slope = 0;
};

TEST(Training, BySgdIsTheFormula) {
  ByHand one;
  one.plan.momentum = 0.5;

  EXPECT_EQ(one.run().steps, 3);
  const double first = 1, second = 0.5 * first + 2, third = 0.5 * second + 3;
  EXPECT_NEAR(one.weight.item<double>(), 1 - 0.1 * (first + second + third), 1e-6);
}

TEST(Training, AccumulatesBatchesIntoOneStep) {
  ByHand one;
  one.plan.momentum = 0;
  one.plan.accumulate = 2;  // batches 1 and 2 make a step, the third alone another

  EXPECT_EQ(one.run().steps, 2);
  EXPECT_NEAR(one.weight.item<double>(), 1 - 0.1 * (1.5 + 3), 1e-6);
}

TEST(Training, RefusesAPlanThatMakesNoSense) {
  Training training;
  engine::Training nothing;
  nothing.groups = {{{}, -1, 0}};
  TrainingPlan plan;
  plan.optimiser = "adam";
  plan.batch = 0;

  EXPECT_EQ(
      message_of<SettingsError>([&] { engine::train(nothing, plan, training.task, 1, {}); }),
      "training cannot start\noptimiser 'adam' is not known: expected adamw or sgd\nbatch is 0, expected at least "
      "1\nlearning_rate is -1, expected 0 or more");
}

// What a recovery minimises, through a whole model in float64: its gradient is that of central differences.
TEST(StepLoss, HasTheGradientOfFiniteDifferences) {
  TinyBert shape{.heads = 2, .head_dim = 3, .layers = 2};
  const auto student = shape.double_model();
  shape.seed = 5;
  const auto teacher = shape.double_model();
  const auto batch = random_batch(shape, 4, 5, 3, /*padded=*/true);
  static const TrainSettings plain;
  const std::vector<Objective> objectives = {{"task", 1, 0, 2, "dense"},
                                             {"bce", 1, 0, 2, "dense"},
                                             {"task", 0, 1, 2, "dense"},
                                             {"task", 0.5, 0.5, 3, "dense"}};
  for (const auto& objective : objectives) {
    const auto loss = [&] {
      const tasks::Aim aim{plain, objective, teacher.get()};
      return tasks::step_loss(student->logits({&batch, 1}), batch.labels, false, {&batch, 1}, aim);
    };
    for (const auto& parameter : student->parameters()) {
      if (!parameter.is_linear) continue;
      auto weight = parameter.tensor;
      weight.requires_grad_(true);
      loss().backward();
      const auto gradient = weight.grad().clone();
      weight.mutable_grad() = at::Tensor();
      weight.requires_grad_(false);
      auto flat = weight.view({-1});
      for (std::int64_t i = 0; i < flat.numel(); i += flat.numel() / 3) {
        const double value = flat[i].item<double>(), step = 1e-6;
        flat[i] = value + step;
        const double above = loss().item<double>();
        flat[i] = value - step;
        const double below = loss().item<double>();
        flat[i] = value;
        EXPECT_NEAR(gradient.view({-1})[i].item<double>(), (above - below) / (2 * step), 1e-6)
            << parameter.name << ' ' << objective.loss << ' ' << objective.distillation;
      }
    }
  }
}

}  // namespace
}  // namespace espalier::test
