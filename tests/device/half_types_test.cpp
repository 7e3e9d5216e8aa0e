// Half types on the device: numbers within their rounding, weights converted once and not at each call.
#include <gtest/gtest.h>

#include "device_cells.h"
#include "many_texts.h"
#include "nn/arithmetic.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

struct Half {
  ComputeType type;
  double tolerance;  // of logits, as a share of their spread
};

at::Tensor logits_of(ManyTexts& texts, const nn::Model& model, ComputeType type) {
  const nn::ComputeGuard compute(type, model.device());
  const nn::ForInference ready(model, type);
  return texts.evaluate(*ready).outputs.at("logits");
}

TEST(HalfTypes, GiveLogitsWithinTheirRounding) {
  ManyTexts texts(fake_device(), 300);
  const auto mask = texts.half_of_the_heads(3);
  const auto pruned = texts.model->compacted(mask);
  for (const auto& [type, tolerance] : {Half{ComputeType::BFloat16, 0.1}, Half{ComputeType::Float16, 0.02}}) {
    for (const auto* model : {texts.model.get(), pruned.get()}) {
      const auto exact = logits_of(texts, *model, ComputeType::Float32), half = logits_of(texts, *model, type);
      ASSERT_EQ(half.scalar_type(), at::kFloat) << "what an evaluation gives is float32 on the CPU";
      ASSERT_TRUE(half.is_cpu());
      EXPECT_FALSE(is_close(half, exact));
      EXPECT_LT((half - exact).abs().max().item<double>(), tolerance * exact.std().item<double>() * 3)
          << to_string(type);
      EXPECT_GT(half.argmax(-1).eq(exact.argmax(-1)).to(at::kDouble).mean().item<double>(), 0.95) << to_string(type);
    }
  }
}

TEST(HalfTypes, ConvertWeightsOnce) {
  ManyTexts texts(fake_device(), 300);
  const nn::ComputeGuard compute(ComputeType::BFloat16, texts.model->device());
  const nn::ForInference ready(*texts.model, ComputeType::BFloat16);
  texts.evaluate(*ready);
  const FakeCounts counts;

  texts.evaluate(*ready);

  EXPECT_LE(counts.casts(), 2) << "of logits";
  EXPECT_EQ(counts.named("aten::_flash_attention_forward"), 6) << "one a site";
  EXPECT_LE(counts.operators(), 120);
}

class CellsInHalf : public testing::TestWithParam<ComputeType> {};

// What takes gradients among them too; proofs are float32 always.
TEST_P(CellsInHalf, AreProven) {
  const std::vector<DeviceCell> all = {{"fisher", cells::scorer("fisher")},
                                       {"finetune", cells::recovery("finetune", cells::quick_training())},
                                       {"gates", cells::searcher("differentiable-subset", cells::quick_training())},
                                       {"whisper", cells::sounds("speech-recognition", cells::scorer("taylor"))},
                                       {"ast", cells::sounds("audio-classification", cells::scorer("wanda"))}};
  for (const auto& which : all) {
    CellOnDevices tiny(which);
    tiny.cell.compute = GetParam();

    const auto result = tiny.run(fake_device());

    EXPECT_EQ(result.failure, "") << which.name;
    EXPECT_TRUE(result.points.at(1).proof_passed.value()) << which.name;
  }
}
INSTANTIATE_TEST_SUITE_P(Types, CellsInHalf, testing::Values(ComputeType::BFloat16, ComputeType::Float16),
                         [](const auto& type) { return std::string(to_string(type.param)); });

}  // namespace
}  // namespace espalier::test
