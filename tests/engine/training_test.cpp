#include "engine/training.h"
#include "engine/text_task.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

struct Training {
  Training() : digests(tiny.folder / "cache"), task(tiny.cell.dataset, tiny.cell.model.checkpoint, {}, digests) {
    start = nn::read_model(tiny.cell.model.checkpoint)->with_head(task.labels(), 1);
  }
  std::unique_ptr<nn::Model> run(const TrainSettings& settings, std::uint64_t seed = 3) {
    report = {};
    return engine::fine_tune(*start, task, settings, seed, report, {});
  }
  TinyCell tiny;
  DigestMemory digests;
  engine::TextTask task;
  std::unique_ptr<nn::Model> start;
  engine::TrainingReport report;
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

TEST(Training, DivergenceNamesTheStepAndTheRate) {
  Training training;
  TrainSettings settings = *training.tiny.cell.model.train;
  settings.learning_rate = 1e30;
  settings.clip_norm = 0;

  const auto message = message_of<InputError>([&] { training.run(settings); });

  EXPECT_NE(message.find("training diverged: the loss is"), std::string::npos) << message;
  EXPECT_NE(message.find("lower the learning rate (found 1e+30)"), std::string::npos) << message;
}

}  // namespace
}  // namespace espalier::test
