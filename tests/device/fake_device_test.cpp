// The fake device itself: it refuses what CUDA refuses, and what it computes is right.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "fake_counts.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

using at::Tensor;

Tensor on_fake(const Tensor& tensor) { return tensor.to(fake_device().place); }

TEST(FakeDevice, ComputesWhatTheCpuComputes) {
  const auto a = at::randn({5, 7}), b = at::randn({7, 3});

  const auto product = on_fake(a).matmul(on_fake(b)).softmax(-1);

  EXPECT_EQ(product.device(), fake_device().place);
  EXPECT_TRUE(is_close(product.cpu(), a.matmul(b).softmax(-1)));
}

TEST(FakeDevice, WritesIntoViews) {
  const auto there = on_fake(at::zeros({3, 4}));

  there.narrow(1, 1, 2).add_(1);
  there.select(1, 3).add_(on_fake(at::tensor({1.0F, 2.0F, 3.0F})));

  EXPECT_TRUE(is_close(there.cpu(), at::tensor({0, 1, 1, 1, 0, 1, 1, 2, 0, 1, 1, 3}, at::kFloat).view({3, 4})));
}

TEST(FakeDevice, KillsWhoeverTouchesItsMemory) {
  const auto tensor = on_fake(at::ones({4}));

  EXPECT_DEATH(static_cast<void>(*static_cast<volatile float*>(tensor.mutable_data_ptr())), "");
}

TEST(FakeDevice, RefusesTensorsOfTwoDevicesAsCudaDoes) {
  const auto here = at::ones({4}), there = on_fake(here);

  EXPECT_NE(message_of<c10::Error>([&] { static_cast<void>(there + here); }).find("on the same device"),
            std::string::npos);
  EXPECT_THROW(at::index_select(there, 0, at::zeros({1}, at::kLong)), c10::Error);
  EXPECT_THROW(at::cat({there, here}), c10::Error);
  EXPECT_THROW(at::cat({there, at::ones({1})}), c10::Error);
  // Single numbers, and indices in brackets, may lie on the host.
  EXPECT_TRUE(is_close((there + at::ones({})).cpu(), here + 1));
  EXPECT_TRUE(is_close(there.index({at::zeros({2}, at::kLong)}).cpu(), at::ones({2})));
}

TEST(FakeDevice, CountsOperatorsAndCopies) {
  const auto a = at::ones({2, 3});
  const FakeCounts counts;

  const auto there = on_fake(a);
  const auto sum = (there + 1).matmul(there.t());
  const auto half = sum.to(at::kBFloat16);
  sum.sum().item<float>();

  EXPECT_EQ(counts.named("aten::add"), 1);
  EXPECT_EQ(counts.operators(), 4) << "add, mm, the cast, sum";
  EXPECT_EQ(counts.casts(), 1);
  EXPECT_EQ(counts.copies_from_host(), 1);
  EXPECT_EQ(counts.copies_to_host(), 1);
}

TEST(FakeDevice, HasAsMuchMemoryAsItIsGiven) {
  const FakeCounts counts;
  const LittleMemory little(8192);

  const auto fits = at::empty({1024}, at::TensorOptions(fake_device().place).dtype(at::kFloat));

  EXPECT_THROW(on_fake(at::ones({2048})), c10::OutOfMemoryError);
  EXPECT_EQ(counts.refused(), 1);
  EXPECT_NO_THROW(on_fake(at::ones({1000})));
}

TEST(FakeDevice, FollowsAutocast) {
  const auto a = on_fake(at::randn({4, 4}));
  at::autocast::set_autocast_enabled(at::kPrivateUse1, true);
  at::autocast::set_autocast_dtype(at::kPrivateUse1, at::kBFloat16);

  const auto product = a.matmul(a), normed = at::layer_norm(product, {4});

  at::autocast::set_autocast_enabled(at::kPrivateUse1, false);
  at::autocast::clear_cache();
  EXPECT_EQ(product.scalar_type(), at::kBFloat16);
  EXPECT_EQ(normed.scalar_type(), at::kFloat);
}

// Sequences of 3, 1 and 4 tokens, two heads, packed; and the same one by one.
struct Packed {
  explicit Packed(std::int64_t width, std::int64_t value_width, at::ScalarType type = at::kFloat) {
    const auto random = [&](std::int64_t last) { return at::randn({8, 2, last}).to(type); };
    query = random(width), key = random(width), value = random(value_width);
  }
  Tensor starts() const { return on_fake(at::tensor({0, 3, 4, 8}, at::kInt)); }
  Tensor one_by_one(const Tensor& q, const Tensor& k, const Tensor& v, bool causal) const {
    std::vector<Tensor> outputs;
    for (const auto& [from, count] : {std::pair(0, 3), std::pair(3, 1), std::pair(4, 4)}) {
      const auto part = [&, begin = from, length = count](const Tensor& all) {
        return all.narrow(0, begin, length).transpose(0, 1).unsqueeze(0);
      };
      outputs.push_back(
          at::scaled_dot_product_attention(part(q), part(k), part(v), {}, 0, causal, 0.3).squeeze(0).transpose(0, 1));
    }
    return at::cat(outputs);
  }
  Tensor efficient(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t mask_kind,
                   double dropout = 0) const {
    return std::get<0>(at::_efficient_attention_forward(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), {}, starts(),
                                                        starts(), 4, 4, dropout, mask_kind, true, 0.3))
        .squeeze(0);
  }

  Tensor query, key, value;
};

TEST(FakeAttention, OfPackedSequencesIsAttentionOneByOneWithItsGradients) {
  for (const bool causal : {false, true}) {
    const Packed packed(8, 4);
    std::vector<Tensor> there, here;
    for (const auto& tensor : {packed.query, packed.key, packed.value}) {
      there.push_back(on_fake(tensor).requires_grad_(true));
      here.push_back(tensor.clone().requires_grad_(true));
    }
    const auto output = packed.efficient(there[0], there[1], there[2], causal ? 1 : 0);
    const auto expected = packed.one_by_one(here[0], here[1], here[2], causal);
    EXPECT_TRUE(is_close(output.cpu(), expected, {.absolute = 1e-6}));
    const auto weights = at::randn_like(expected);
    (output * on_fake(weights)).sum().backward();
    (expected * weights).sum().backward();
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(is_close(there[i].grad().cpu(), here[i].grad(), {.absolute = 1e-5})) << i;
  }
}

// With every value one, a row sums the weights that dropout left: their mean over many is one, and gradients see the same.
TEST(FakeAttention, DropsOutTheSameInBothDirections) {
  const Packed packed(8, 4);
  const auto query = on_fake(packed.query), key = on_fake(packed.key);
  const auto value = on_fake(at::ones_like(packed.value)).requires_grad_(true);

  const auto output = packed.efficient(query, key, value, 0, 0.5);
  output.sum().backward();

  EXPECT_GT((output - 1).abs().max().item<float>(), 1e-3);
  EXPECT_NEAR(value.grad().sum().item<float>(), output.sum().item<float>(), 1e-4);
}

TEST(FakeAttention, TakesHalfTypesByFlash) {
  const Packed packed(8, 8, at::kBFloat16);
  const auto there = [&](const Tensor& tensor) { return on_fake(tensor); };
  const auto output =
      std::get<0>(at::_flash_attention_forward(there(packed.query), there(packed.key), there(packed.value),
                                               packed.starts(), packed.starts(), 4, 4, 0, false, false, 0.3));
  EXPECT_EQ(output.scalar_type(), at::kBFloat16);
  const auto wide = [](const Tensor& tensor) { return tensor.to(at::kFloat); };
  EXPECT_TRUE(is_close(wide(output.cpu()),
                       packed.one_by_one(wide(packed.query), wide(packed.key), wide(packed.value), false),
                       {.relative = 0.02, .absolute = 0.02}));
}

TEST(FakeAttention, RefusesWhatTheKernelsRefuse) {
  const auto refused = [](const auto& call) { return message_of<c10::Error>(call); };
  const Packed odd(5, 8), good(8, 8);
  const auto there = [](const Tensor& tensor) { return on_fake(tensor); };
  EXPECT_NE(refused([&] {
              odd.efficient(there(odd.query), there(odd.key), there(odd.value), 0);
            }).find("not aligned to 16 bytes"),
            std::string::npos);
  EXPECT_NE(refused([&] {
              at::_flash_attention_forward(there(good.query), there(good.key), there(good.value), good.starts(),
                                           good.starts(), 4, 4, 0, false, false);
            }).find("expected float16 or bfloat16"),
            std::string::npos);
  EXPECT_NE(refused([&] {
              at::_efficient_attention_forward(there(good.query.unsqueeze(0)), there(good.key.unsqueeze(0)),
                                               there(good.value.unsqueeze(0)), {},
                                               on_fake(at::tensor({0, 3, 4}, at::kInt)), good.starts(), 4, 4, 0, 0);
            }).find("leads from 0 to 4; expected 0 to 8"),
            std::string::npos);
  EXPECT_NE(refused([&] {
              at::_efficient_attention_forward(there(good.query.unsqueeze(0)), there(good.key.unsqueeze(0)),
                                               there(good.value.unsqueeze(0)), {}, good.starts(), good.starts(), 3, 4,
                                               0, 0);
            }).find("has 4 tokens; expected 1 to 3"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::test
