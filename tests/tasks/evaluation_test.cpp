#include "tasks/classification.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "engine/base_model.h"
#include "nn/arithmetic.h"
#include "support/tensor_matchers.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

// Bucketing by length is a shortcut: one example at a time, in file order, gives the same logits.
TEST(Evaluation, GivesTheLogitsOfOneExampleAtATime) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", {});
  auto& base = models.get(tiny.cell);
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
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", {});
  auto& base = models.get(tiny.cell);
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

TEST(Evaluation, BfloatIsNearFloatAndLeavesNothingBehind) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", {});
  auto& base = models.get(tiny.cell);
  const auto& split = base.task->split("test");
  const auto before = base.task->evaluate(*base.model, split).outputs.at("logits");
  at::Tensor bfloat;
  {
    const nn::ComputeType type("bfloat16");
    bfloat = base.task->evaluate(*base.model, split).outputs.at("logits");
  }
  const auto after = base.task->evaluate(*base.model, split).outputs.at("logits");

  EXPECT_TRUE(is_close(after, before));
  EXPECT_FALSE(is_close(bfloat, before));
  EXPECT_TRUE(is_close(bfloat, before, {.absolute = 0.2}));
}

}  // namespace
}  // namespace espalier::test
