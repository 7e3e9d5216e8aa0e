// What is saved comes back and computes the same.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/mask_file.h>
#include <nn/model.h>
#include <words/atomic_file.h>

#include <cstdlib>

#include "families/families.h"
#include "families/tiny_bert.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

class Saving : public testing::Test {
 protected:
  Saving() { at::set_num_threads(1); }

  std::unique_ptr<nn::Model> reloaded(const nn::Model& saved) {
    saved.save(folder.path());
    config = nlohmann::json::parse(read_file(folder / "config.json"));
    return families::read_model(folder.path());
  }
  void expect_same(const nn::Model& a, const nn::Model& b) {
    const auto batch = random_batch(shape, 3, 6, 1, /*padded=*/true);
    EXPECT_TRUE(is_close(logits(a, batch), logits(b, batch), {0, 1e-6}));
    EXPECT_EQ(a.parameter_count(), b.parameter_count());
    EXPECT_EQ(a.labels(), b.labels());
  }

  TempDir folder;
  TinyBert shape{.heads = 4, .head_dim = 6, .layers = 3};
  std::unique_ptr<nn::Model> model = shape.model();
  nlohmann::json config;
};

TEST_F(Saving, DenseModelsComeBackBitByBit) {
  const auto back = reloaded(*model);
  const auto before = model->parameters(), after = back->parameters();
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(is_close(after[i].tensor, before[i].tensor)) << before[i].name;
  EXPECT_EQ(config["architectures"], nlohmann::json({"BertForSequenceClassification"}));
  EXPECT_EQ(config["label2id"]["class 2"], 2);
  EXPECT_FALSE(config.contains("espalier"));
  EXPECT_EQ(nn::read_safetensors(folder / "model.safetensors").metadata.at("format"), "pt");
}

TEST_F(Saving, WholeHeadsAreToldToTransformersToo) {
  Mask mask(model->sites());
  for (auto& kept : mask.site(0).kept) kept[1].zero_();
  for (auto& kept : mask.site(2).kept) kept.slice(0, 1, 4).zero_();
  const auto compact = model->compacted(mask);

  const auto back = reloaded(*compact);

  expect_same(*back, *compact);
  EXPECT_EQ(config["pruned_heads"], nlohmann::json::parse(R"({"0":[1],"2":[1,2,3]})"));
  EXPECT_EQ(back->sites()[0].heads, 3);
  EXPECT_EQ(back->sites()[1].heads, 4);
  EXPECT_EQ(nn::read_safetensors(folder / "model.safetensors")
                .tensors.at("bert.encoder.layer.2.attention.self.query.weight")
                .size(0),
            6);

  // transformers alone writes pruned_heads and nothing else.
  config.erase("espalier");
  folder.write("config.json", config.dump());
  expect_same(*families::read_model(folder.path()), *compact);

  // A second pruning speaks of the heads that are left; the file goes on counting from the first.
  Mask again(back->sites());
  for (auto& kept : again.site(0).kept) kept[1].zero_();
  const auto smaller = back->compacted(again);
  expect_same(*reloaded(*smaller), *smaller);
  EXPECT_EQ(config["pruned_heads"]["0"], nlohmann::json({1, 2}));
}

TEST_F(Saving, RaggedChannelsComeBack) {
  for (const double kept : {0.9, 0.6, 0.2}) {
    const auto compact = model->compacted(random_mask(model->sites(), kept, 5));
    const auto back = reloaded(*compact);
    expect_same(*back, *compact);
    EXPECT_FALSE(config.contains("pruned_heads"));
    expect_same(*reloaded(*back), *compact);
  }
}

TEST_F(Saving, SitesWithoutHeadsAndOtherScalesComeBack) {
  Mask mask(model->sites());
  for (auto& kept : mask.site(1).kept) kept.zero_();
  mask.site(0).of(Projection::Q).slice(1, 1, 4).zero_();
  mask.site(0).of(Projection::K)[2].zero_();
  const auto compact = model->compacted(mask, {nn::SoftmaxScale::Kind::PrunedWidth});
  const auto back = reloaded(*compact);
  expect_same(*back, *compact);
  EXPECT_EQ(back->sites()[1].heads, 0);
  expect_same(*back->masked(Mask(back->sites())), *compact);
}

TEST_F(Saving, MaskedModelsAreFullSizeWithZeros) {
  const auto mask = random_mask(model->sites(), 0.5, 8);
  const auto masked = model->masked(mask);
  expect_same(*reloaded(*masked), *masked);
  EXPECT_EQ(masked->parameter_count(), model->parameter_count());
}

TEST_F(Saving, AHeadIsMadeFromItsSeedAndKeptByItsLabels) {
  TinyBert headless = shape;
  headless.labels = 0;
  const auto encoder = headless.model();
  EXPECT_TRUE(encoder->labels().empty());
  const std::vector<std::string> labels = {"b", "a", "c"};

  const auto one = encoder->with_head(labels, 7), two = encoder->with_head(labels, 7),
             other = encoder->with_head(labels, 8);

  const auto batch = random_batch(shape, 3, 6, 1);
  EXPECT_TRUE(is_close(logits(*one, batch), logits(*two, batch)));
  EXPECT_FALSE(is_close(logits(*one, batch), logits(*other, batch), {0, 1e-5}));
  EXPECT_EQ(one->sites()[0].name, "bert.encoder.layer.0.attention.self");
  expect_same(*reloaded(*one), *one);
  // The same labels in another order: the same head, its rows reordered.
  const auto reordered = one->with_head({"a", "b", "c"}, 99);
  EXPECT_TRUE(is_close(logits(*reordered, batch), logits(*one, batch).index_select(1, at::tensor({1, 0, 2}))));
}

// For check_with_transformers.py, which needs Python and is run by hand.
TEST_F(Saving, CheckpointsAreKeptForTransformers) {
  const char* keep = std::getenv("FAMILIES_TEST_KEEP");
  if (keep == nullptr)
    GTEST_SKIP() << "set FAMILIES_TEST_KEEP=FOLDER to keep checkpoints for check_with_transformers.py";
  TinyBert headless = shape;
  headless.labels = 0;
  const auto encoder = headless.model();
  Mask heads(model->sites());
  for (auto& kept : heads.site(0).kept) kept[1].zero_();
  for (auto& kept : heads.site(2).kept) kept.slice(0, 1, 4).zero_();
  std::map<std::string, std::unique_ptr<nn::Model>> models;
  models["dense"] = model->with_head(model->labels(), 0);
  models["fresh_head"] = encoder->with_head({"x", "y"}, 1);
  models["masked"] = model->masked(random_mask(model->sites(), 0.5, 1));
  models["pruned_heads"] = model->compacted(heads);
  models["pruned_heads_again"] = encoder->with_head({"x", "y", "z"}, 1)->compacted(heads);

  for (const auto& [name, one] : models) {
    const auto place = std::filesystem::path(keep) / name;
    std::filesystem::create_directories(place);
    one->save(place);
    nn::TensorFile file;
    file.tensors = random_batch(shape, 3, 6, 1, /*padded=*/true).inputs;
    for (const auto& [output, tensor] : one->outputs(file.tensors)) file.tensors[output] = tensor;
    nn::write_safetensors(place / "expected.safetensors", file);
  }
}

TEST_F(Saving, IntoAFolderThatIsNotThereSaysSo) {
  EXPECT_NE(message_of<InputError>([&] { model->save(folder / "none"); }).find("cannot be written"), std::string::npos);
}

}  // namespace
}  // namespace espalier::test
