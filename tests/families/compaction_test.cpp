// The smaller model computes what the masked one computes, whatever the mask.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nn/model.h>

#include <cmath>

#include "families/tiny_bert.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

class Compaction : public testing::Test {
 protected:
  Compaction() { at::set_num_threads(1); }
};

void expect_same(const nn::Model& model, const Mask& mask, const TinyBert& shape) {
  const auto masked = model.masked(mask), compacted = model.compacted(mask);
  for (const auto& batch :
       {random_batch(shape, 4, 6, 1, true), random_batch(shape, 2, 1, 2), random_batch(shape, 2, 9, 3)}) {
    EXPECT_TRUE(is_close(logits(*compacted, batch), logits(*masked, batch), {0, 1e-10}));
  }
  EXPECT_LE(compacted->parameter_count(), model.parameter_count());
}

TEST_F(Compaction, EqualsMaskingForRandomMasksAndShapes) {
  std::uint64_t seed = 0;
  for (const auto& shape :
       {TinyBert{}, TinyBert{.heads = 1, .head_dim = 7, .layers = 1}, TinyBert{.heads = 6, .head_dim = 3, .layers = 3},
        TinyBert{.heads = 4, .head_dim = 16, .layers = 2}}) {
    const auto model = shape.double_model();
    for (const double kept : {0.97, 0.8, 0.5, 0.2, 0.0}) {
      SCOPED_TRACE(testing::Message() << shape.heads << " heads of " << shape.head_dim << ", kept " << kept);
      expect_same(*model, random_mask(model->sites(), kept, ++seed), shape);
    }
  }
}

// Independent heads, QK and VO widths: ragged, with heads that have no QK channels and heads that have no VO channels.
TEST_F(Compaction, EqualsMaskingForRaggedWidths) {
  const TinyBert shape{.heads = 5, .head_dim = 8, .layers = 3};
  const auto model = shape.double_model();
  Mask mask(model->sites());
  const std::int64_t qk[5] = {0, 8, 3, 5, 0}, vo[5] = {8, 0, 2, 7, 1};
  for (std::int64_t head = 0; head < 5; ++head) {
    mask.site(1).of(Projection::K)[head].slice(0, qk[head], 8).zero_();
    mask.site(1).of(Projection::O)[head].slice(0, vo[head], 8).zero_();
  }
  expect_same(*model, mask, shape);
  EXPECT_EQ(model->parameter_count() - model->compacted(mask)->parameter_count(), (40 - 8) * 2 * 41 + (40 - 18) * 81);
}

TEST_F(Compaction, OfNothingSharesEveryTensor) {
  const auto model = TinyBert{}.model();
  const auto same = model->compacted(Mask(model->sites()));
  const auto before = model->parameters(), after = same->parameters();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(before[i].tensor.is_same(after[i].tensor)) << before[i].name;
}

TEST_F(Compaction, OfAClosureIsCompactionOfTheMask) {
  const TinyBert shape;
  const auto model = shape.double_model();
  const auto mask = random_mask(model->sites(), 0.6, 9);
  const auto batch = random_batch(shape, 3, 5, 1);
  EXPECT_EQ(model->compacted(mask)->parameter_count(), model->compacted(mask.closure())->parameter_count());
  EXPECT_TRUE(is_close(logits(*model->masked(mask.closure()), batch), logits(*model->masked(mask), batch), {0, 1e-10}));
}

TEST_F(Compaction, TwiceEqualsOnceByBothMasks) {
  const TinyBert shape{.heads = 4, .head_dim = 6};
  const auto model = shape.double_model();
  const auto first = random_mask(model->sites(), 0.8, 1), second = random_mask(model->sites(), 0.8, 2);
  const auto batch = random_batch(shape, 3, 5, 1);
  const auto expected = logits(*model->masked(first)->masked(second), batch);
  EXPECT_TRUE(is_close(logits(*model->compacted(first)->compacted(second), batch), expected, {0, 1e-10}));
  EXPECT_TRUE(is_close(logits(*model->compacted(first)->masked(second), batch), expected, {0, 1e-10}));
}

// A site whose heads are all of one width computes as one group; here the scale alone differs.
TEST_F(Compaction, KeepsTheDenseScaleUnlessToldOtherwise) {
  const TinyBert shape{.heads = 2, .head_dim = 8, .layers = 1};
  const auto model = shape.double_model();
  Mask mask(model->sites());
  mask.site(0).of(Projection::Q).slice(1, 2, 8).zero_();
  const auto batch = random_batch(shape, 3, 5, 1);
  const auto number = [&](double value) { return nn::SoftmaxScale{nn::SoftmaxScale::Kind::Number, value}; };

  const auto original = logits(*model->compacted(mask), batch);
  const auto pruned = logits(*model->compacted(mask, {nn::SoftmaxScale::Kind::PrunedWidth}), batch);

  EXPECT_TRUE(is_close(original, logits(*model->compacted(mask, number(1 / std::sqrt(8.0))), batch), {0, 1e-12}));
  EXPECT_TRUE(is_close(pruned, logits(*model->compacted(mask, number(1 / std::sqrt(2.0))), batch), {0, 1e-12}));
  EXPECT_FALSE(is_close(original, pruned, {0, 1e-4}));
}

// Padding inside a site must not come alive in training.
TEST_F(Compaction, TrainingLeavesPaddingAtZero) {
  const TinyBert shape{.heads = 4, .head_dim = 8, .layers = 2};
  const auto model = shape.double_model();
  Mask mask(model->sites());
  mask.site(0).of(Projection::Q)[1][3].zero_();  // one channel less in one head: cheaper to pad than to group
  mask.site(0).of(Projection::V)[2][5].zero_();
  const auto compact = model->compacted(mask)->trainable_copy();
  const auto batch = random_batch(shape, 4, 5, 1);
  for (int step = 0; step < 3; ++step) {
    compact->logits({&batch, 1}).square().sum().backward();
    const at::NoGradGuard no_gradients;
    for (auto& parameter : compact->parameters()) {
      parameter.tensor.sub_(parameter.tensor.grad() * 1e-3);
      parameter.tensor.mutable_grad().zero_();
    }
  }
  const auto qkv = compact->parameters()[5].tensor;
  EXPECT_EQ(compact->parameters()[5].name, "bert.encoder.layer.0.attention.self.qkv.weight");
  EXPECT_EQ(qkv.sizes(), at::IntArrayRef({96, 32}));
  EXPECT_EQ(qkv.eq(0).all(1).sum().item<std::int64_t>(), 3);  // one row of Q, of K and of V
}

}  // namespace
}  // namespace espalier::test
