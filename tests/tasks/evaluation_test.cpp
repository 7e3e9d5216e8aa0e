#include "tasks/classification.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <limits>

#include "families/families.h"
#include "nn/arithmetic.h"
#include "nn/series/mask_series.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"
#include "support/tiny_bert.h"
#include "tasks/text_task.h"

namespace espalier::test {
namespace {

// The tiny BERT with a head for its three kinds, and their texts.
struct Kinds {
  Kinds() {
    at::set_num_threads(1);
    write_tiny_bert(folder / "model");
    DatasetSettings dataset;
    dataset.name = "kinds";
    dataset.format = Format::TextClassification;
    dataset.split = {{"train", write_tiny_table(folder, "train.tsv", 120, 1).string()},
                     {"test", write_tiny_table(folder, "test.tsv", 60, 3).string()}};
    dataset.max_tokens = 16;
    task = std::make_unique<tasks::TextTask>(dataset, (folder / "model").string(), std::vector<std::string>{}, digests);
    model = families::read_model(folder / "model")->with_head(task->labels(), 1);
  }

  TempDir folder;
  DigestMemory digests{folder / "cache"};
  std::unique_ptr<tasks::TextTask> task;
  std::unique_ptr<nn::Model> model;
};

// Bucketing by length is a shortcut: one example at a time, in file order, gives the same logits.
TEST(Evaluation, GivesTheLogitsOfOneExampleAtATime) {
  const Kinds base;
  const auto& split = base.task->split("test");

  const auto fast = base.task->evaluate(*base.model, split);

  const c10::InferenceMode inference;
  std::vector<at::Tensor> plain;
  for (const auto& rows : data::in_file_order(*split.examples, 0, 1)) {
    plain.push_back(base.model->outputs(split.examples->batch(rows).inputs).at("logits"));
  }
  EXPECT_TRUE(is_close(fast.outputs.at("logits"), at::cat(plain), {.absolute = 1e-5}));
}

TEST(Evaluation, OutcomesAreInFileOrder) {
  const Kinds base;
  const auto& split = base.task->split("test");
  auto logits = at::zeros({60, 3});
  logits.scatter_(1, split.labels.unsqueeze(1), 1.0);
  logits[4].zero_();
  logits[4][(split.labels[4].item<std::int64_t>() + 1) % 3] = 2;

  const auto evaluation = tasks::one_class_evaluation({{"logits", logits}}, split, 0);

  EXPECT_EQ(evaluation.outcomes,
            "1111"
            "0" +
                std::string(55, '1'));
  EXPECT_DOUBLE_EQ(evaluation.metrics.at("accuracy"), 59.0 / 60);
}

// The class of the largest logit, and that of the table, in file order.
TEST(Evaluation, SaysWhichClassEachExampleHasAndWhichWasFound) {
  const Kinds base;
  const auto& split = base.task->split("test");
  auto logits = at::zeros({60, 3});
  std::vector<std::int64_t> found, labels;
  for (std::int64_t row = 0; row < 60; ++row) {
    found.push_back(row % 3);
    labels.push_back(split.labels[row].item<std::int64_t>());
    logits[row][row % 3] = 1;
  }

  const auto evaluation = tasks::one_class_evaluation({{"logits", logits}}, split, 0);

  EXPECT_EQ(evaluation.example_numbers.size(), 2u);
  EXPECT_EQ(evaluation.example_numbers.at("predicted"), found);
  EXPECT_EQ(evaluation.example_numbers.at("label"), labels);

  logits[7][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(tasks::one_class_evaluation({{"logits", logits}}, split, 0).example_numbers.empty());
}

// What many masks share is computed once; what they find is what each finds alone, its weights zeroed.
TEST(Evaluation, OfManyMasksFindsTheClassesOfThePlainWay) {
  const Kinds base;
  const auto& split = base.task->split("test");
  const Units units(base.model->sites(), Granularity::Head);
  std::vector<Mask> masks;
  for (std::int64_t unit = 0; unit < units.count(); ++unit) {
    auto kept = at::ones({units.count()}, at::kBool);
    kept[unit] = false;
    masks.push_back(units.mask(kept));
  }
  nn::MaskSeries series(*base.model, ComputeType::Float32, {}, 1 << 28);
  const auto together = base.task->evaluate_each(series, masks, split);
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto plain = base.task->evaluate(*base.model->masked(masks[i]), split);
    EXPECT_EQ(together[i].example_numbers, plain.example_numbers) << i;
    EXPECT_EQ(together[i].example_numbers.at("predicted").size(), 60u);
  }
}

TEST(Evaluation, BfloatIsNearFloatAndLeavesNothingBehind) {
  const Kinds base;
  const auto& split = base.task->split("test");
  const auto before = base.task->evaluate(*base.model, split).outputs.at("logits");
  at::Tensor bfloat;
  {
    const nn::ComputeGuard type(ComputeType::BFloat16);
    bfloat = base.task->evaluate(*base.model, split).outputs.at("logits");
  }
  const auto after = base.task->evaluate(*base.model, split).outputs.at("logits");

  EXPECT_TRUE(is_close(after, before));
  EXPECT_FALSE(is_close(bfloat, before));
  EXPECT_TRUE(is_close(bfloat, before, {.absolute = 0.2}));
}

}  // namespace
}  // namespace espalier::test
