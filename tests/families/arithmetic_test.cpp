// Half types in inference: weights that are converted once give, bit for bit, what autocast gives with casts at each call.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/arithmetic.h>
#include <nn/device.h>

#include "families/tiny_bert.h"
#include "families/tiny_whisper.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

at::Tensor logits_under(const nn::Model& model, const Batch& batch, ComputeType type) {
  const nn::ComputeGuard compute(type);
  return logits(model, batch);
}

class Half : public testing::TestWithParam<ComputeType> {
 protected:
  Half() { at::set_num_threads(1); }
};

TEST_P(Half, BertsConvertedWeightsGiveAutocastsNumbers) {
  const TinyBert shape{.heads = 4, .head_dim = 8};
  const auto model = shape.model();
  const nn::ForInference converted(*model, GetParam());
  for (const bool padded : {false, true}) {
    const auto batch = random_batch(shape, 5, 7, 3, padded);
    const auto at_each_call = logits_under(*model, batch, GetParam());
    EXPECT_TRUE(at::equal(logits_under(*converted, batch, GetParam()), at_each_call));
    const auto exact = logits(*model, batch);
    EXPECT_FALSE(at::equal(at_each_call.to(at::kFloat), exact)) << "nothing was rounded";
    EXPECT_LT((at_each_call.to(at::kFloat) - exact).abs().max().item<double>(), 0.5 * exact.abs().max().item<double>());
  }
}

TEST_P(Half, PrunedModelsOfConvertedWeightsAreConvertedPrunedModels) {
  const TinyBert shape{.heads = 4, .head_dim = 8};
  const auto model = shape.model();
  const nn::ForInference converted(*model, GetParam());
  const auto batch = random_batch(shape, 6, 9, 4);
  const auto mask = random_mask(model->sites(), 0.6, 11);
  const auto pruned = model->compacted(mask);
  const nn::ForInference afterwards(*pruned, GetParam());
  EXPECT_TRUE(at::equal(logits_under(*converted->compacted(mask), batch, GetParam()),
                        logits_under(*afterwards, batch, GetParam())));
  EXPECT_TRUE(at::equal(logits_under(*converted->masked(mask), batch, GetParam()),
                        logits_under(*nn::ForInference(*model->masked(mask), GetParam()), batch, GetParam())));
}

TEST_P(Half, WhispersConvertedWeightsGiveAutocastsNumbers) {
  const TempDir folder;
  const TinyWhisper shape;
  shape.write(folder.path());
  const auto model = families::read_model(folder.path());
  const nn::ForInference converted(*model, GetParam());
  const std::map<std::string, at::Tensor> inputs = {
      {"input_features", numbers("features", {2, shape.mels, 2 * shape.positions})},
      {"decoder_input_ids", at::tensor({3, 1, 4, 1, 5, 9}, at::kLong).view({2, 3})}};
  const c10::InferenceMode inference;
  const nn::ComputeGuard compute(GetParam());
  EXPECT_TRUE(at::equal(converted->outputs(inputs).at("logits"), model->outputs(inputs).at("logits")));
}

INSTANTIATE_TEST_SUITE_P(Types, Half, testing::Values(ComputeType::BFloat16, ComputeType::Float16),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST(ForInference, IsTheModelItselfInFloat32) {
  const auto model = TinyBert{}.model();
  EXPECT_EQ(&*nn::ForInference(*model, ComputeType::Float32), model.get());
}

TEST(ComputeGuard, RefusesTf32OnTheCpu) {
  const auto message = message_of<SettingsError>([] { const nn::ComputeGuard compute(ComputeType::Tf32); });
  EXPECT_NE(message.find("tf32"), std::string::npos) << message;
  EXPECT_NE(message.find("--device cuda"), std::string::npos) << message;
}

TEST(ForGradients, TakesNoneInFloat16) {
  EXPECT_EQ(nn::for_gradients(ComputeType::Float16), ComputeType::Float32);
  for (const auto type : {ComputeType::Float32, ComputeType::Tf32, ComputeType::BFloat16})
    EXPECT_EQ(nn::for_gradients(type), type);
}

TEST(PreparedInputs, GiveTheLogitsOfTheirBatches) {
  const TinyBert shape;
  const auto model = shape.model();
  const std::vector<Batch> batches = {random_batch(shape, 5, 7, 3), random_batch(shape, 4, 9, 5, /*padded=*/true),
                                      random_batch(shape, 2, 3, 6)};
  const c10::InferenceMode inference;
  const auto prepared = model->prepared(batches);
  EXPECT_TRUE(at::equal(model->logits_of(*prepared), model->logits(batches)));
  const auto pruned = model->compacted(random_mask(model->sites(), 0.6, 5));
  EXPECT_TRUE(at::equal(pruned->logits_of(*prepared), pruned->logits(batches)));
  EXPECT_EQ(pruned->reads_as(), model->reads_as());
}

TEST(FittingSize, HalvesWhatDoesNotFit) {
  std::int64_t size = 100;
  const auto before = nn::memory_shortages();
  const auto on_a_device = at::Device(at::kPrivateUse1, 0);
  const auto fitting = nn::with_fitting_size(size, on_a_device, [](std::int64_t now) {
    if (now > 30) TORCH_CHECK_WITH(OutOfMemoryError, false, "no room for ", now);
    return now;
  });
  EXPECT_EQ(fitting, 25);
  EXPECT_EQ(size, 25);
  EXPECT_EQ(nn::memory_shortages() - before, 2);
  std::int64_t one = 2;
  EXPECT_THROW(nn::with_fitting_size(one, on_a_device,
                                     [](std::int64_t) -> int {
                                       TORCH_CHECK_WITH(OutOfMemoryError, false, "no room");
                                       return 0;
                                     }),
               c10::OutOfMemoryError);
  EXPECT_EQ(one, 1);
}

}  // namespace
}  // namespace espalier::test
