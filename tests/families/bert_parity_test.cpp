// Outputs equal those of transformers 4.57.6, dense and with zeroed weights (tests/fixtures/nn/make_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nn/mask_file.h>
#include <nn/model.h>
#include <nn/safetensors.h>

#include <cstdlib>
#include <set>

#include "families/families.h"
#include "families/fixtures.h"
#include "families/tiny_bert.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

constexpr Tolerance parity{0, 1e-5};

class BertParity : public testing::TestWithParam<const char*> {
 protected:
  BertParity() { at::set_num_threads(1); }
};

std::map<std::string, at::Tensor> inputs_of(const nn::TensorFile& golden, const std::string& name) {
  std::map<std::string, at::Tensor> inputs;
  for (const char* input : {"input_ids", "attention_mask", "token_type_ids"}) {
    const auto found = golden.tensors.find(name + "." + input);
    if (found != golden.tensors.end()) inputs[input] = found->second;
  }
  return inputs;
}

std::set<std::string> cases_of(const nn::TensorFile& golden) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : golden.tensors) names.insert(name.substr(0, name.find('.')));
  return names;
}

TEST_P(BertParity, OutputsEqualThoseOfTransformers) {
  const auto folder = fixtures / GetParam();
  const auto golden = nn::read_safetensors(folder / "golden.safetensors");
  const auto dense = families::read_model(folder);
  const auto mask = nn::read_mask(folder / "mask.safetensors", dense->sites());
  const auto masked = dense->masked(mask), compacted = dense->compacted(mask);

  const auto names = cases_of(golden);
  ASSERT_EQ(names.size(), 9U);
  for (const auto& name : names) {
    SCOPED_TRACE(name);
    const auto& expected = golden.tensors.at(name + ".expected");
    const auto inputs = inputs_of(golden, name);
    const std::string output = dense->labels().empty() ? "last_hidden_state" : "logits";
    if (name.ends_with("_masked")) {
      EXPECT_TRUE(is_close(masked->outputs(inputs).at(output), expected, parity));
      EXPECT_TRUE(is_close(compacted->outputs(inputs).at(output), expected, parity));
    } else {
      EXPECT_TRUE(is_close(dense->outputs(inputs).at(output), expected, parity));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, BertParity,
                         testing::Values("three_heads_of_five", "one_head", "half_precision", "prefixed_headless",
                                         "bfloat_tanh"),
                         [](const auto& one) { return std::string(one.param); });

TEST(BertParityOnRealWeights, MiniLmEqualsTransformers) {
  at::set_num_threads(1);
  const char* data = std::getenv("ESPALIER_DATA");
  const auto folder =
      (data != nullptr ? std::filesystem::path(data) : std::filesystem::path(ESPALIER_SOURCE_DIR) / ".deps/data") /
      "minilm";
  if (!std::filesystem::exists(folder / "model.safetensors")) GTEST_SKIP() << "there is no MiniLM at " << folder;

  const auto golden = nn::read_safetensors(fixtures / "minilm/golden.safetensors");
  const auto model = families::read_model(folder);

  EXPECT_EQ(model->parameter_count(), 22'713'216 - 384 * 384 - 384);  // without the pooler, which nothing uses
  EXPECT_TRUE(is_close(model
                           ->outputs({{"input_ids", golden.tensors.at("input_ids")},
                                      {"attention_mask", golden.tensors.at("attention_mask")}})
                           .at("last_hidden_state"),
                       golden.tensors.at("expected"), parity));
}

TEST(BertPacking, MixedLengthsGiveWhatEachExampleGivesAlone) {
  at::set_num_threads(1);
  const TinyBert shape;
  const auto model = shape.double_model();
  const std::vector<Batch> batches = {random_batch(shape, 3, 7, 1), random_batch(shape, 2, 1, 2),
                                      random_batch(shape, 4, 24, 3, true),
                                      random_batch(shape, 150, 13, 4)};  // the last is longer than one chunk

  const at::NoGradGuard no_gradients;
  const auto together = model->logits(batches);

  std::vector<at::Tensor> alone;
  for (const auto& batch : batches) {
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      Batch one{.inputs = {}, .labels = batch.labels.narrow(0, i, 1), .rows = {i}};
      for (const auto& [name, tensor] : batch.inputs) one.inputs[name] = tensor.narrow(0, i, 1);
      alone.push_back(model->logits({&one, 1}));
    }
  }
  EXPECT_TRUE(is_close(together, at::cat(alone), {0, 1e-10}));
  const at::AutoGradMode gradients(true);
  EXPECT_TRUE(is_close(model->logits(batches), together, {0, 1e-10}));
  EXPECT_EQ(model->logits({}).sizes(), at::IntArrayRef({0, 4}));
}

TEST(BertSites, AnExampleOfASiteIsWhatTheLayerBeforeGives) {
  at::set_num_threads(1);
  const TinyBert shape;
  const auto model = shape.double_model();
  const auto batch = random_batch(shape, 3, 6, 5, true);

  const auto inputs = model->site_inputs(batch);

  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs[1].hidden.sizes(), at::IntArrayRef({3, 6, 15}));
  EXPECT_EQ(model->site_output(1, inputs[1]).sizes(), at::IntArrayRef({3, 6, 15}));
  // Without any head only the output bias remains.
  Mask none(model->sites());
  for (auto& kept : none.site(1).kept) kept.zero_();
  const auto output = model->compacted(none)->site_output(1, inputs[1]);
  EXPECT_TRUE(is_close(output, model->masked(none)->site_output(1, inputs[1]), {0, 1e-12}));
  EXPECT_TRUE(is_close(output, output[0][0].expand({3, 6, 15}), {0, 1e-12}));
}

TEST(BertCounting, FollowsTheFormulas) {
  const TinyBert shape;  // D 15, H 3, d 5, intermediate 11, 2 layers, 4 labels
  const auto model = shape.model();
  const std::int64_t layer = 4 * 15 * 15 + 4 * 15 + 2 * 15 * 11 + 11 + 15 + 4 * 15;
  EXPECT_EQ(model->parameter_count(), (30 + 24 + 2) * 15 + 2 * 15 + 2 * layer + 15 * 15 + 15 + 4 * 15 + 4);
  // The last layer is computed for the first token alone, but for its keys and values.
  EXPECT_EQ(model->multiply_adds(7), (7 * 4 * 15 * 15 + 2 * 7 * 7 * 15 + 7 * 2 * 15 * 11) +
                                         ((1 + 7) * 2 * 15 * 15 + 2 * 7 * 15 + 2 * 15 * 11) + 15 * 15 + 4 * 15);

  // One head of one site: Q, K, V, O weights and Q, K, V biases.
  Mask mask(model->sites());
  for (auto& kept : mask.site(0).kept) kept[1].zero_();
  const auto compact = model->compacted(mask);
  EXPECT_EQ(model->parameter_count() - compact->parameter_count(), 4 * 15 * 5 + 3 * 5);
  EXPECT_EQ(model->multiply_adds(7) - compact->multiply_adds(7), 7 * 4 * 15 * 5 + 2 * 7 * 7 * 5);
}

}  // namespace
}  // namespace espalier::test
