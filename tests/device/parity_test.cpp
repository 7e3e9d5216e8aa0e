// Logits, outputs and gradients of every family: those of the fake device are the CPU's.
#include <gtest/gtest.h>
#include <nn/series/mask_series.h>

#include <algorithm>
#include <functional>

#include "fake_counts.h"
#include "support/random_mask.h"
#include "support/tensor_matchers.h"
#include "tiny_models.h"

namespace espalier::test {
namespace {

// Widths that the packed kernels take, and one that they do not.
struct Shape {
  std::string name;
  TinyBert bert;
};
std::vector<Shape> shapes() {
  return {{"of 8", {.heads = 3, .head_dim = 8, .positions = 40}},
          {"of 5", {.heads = 3, .head_dim = 5, .positions = 40}},
          {"of 4, three layers", {.heads = 2, .head_dim = 4, .layers = 3, .positions = 40}}};
}

// Batches of several lengths, one of them padded.
std::vector<Batch> some_batches(const TinyBert& shape) {
  return {random_batch(shape, 3, 7, 1), random_batch(shape, 2, 1, 2), random_batch(shape, 4, 12, 3, /*padded=*/true),
          random_batch(shape, 5, 30, 4), random_batch(shape, 5, 30, 5)};
}

at::Tensor cpu_logits(const nn::Model& model, const std::vector<Batch>& batches) {
  const at::NoGradGuard no_gradients;
  const auto logits = model.logits(batches);
  EXPECT_EQ(logits.device(), model.device());
  const auto again = model.logits_of(*model.prepared(batches));
  EXPECT_TRUE(is_close(again.cpu(), logits.cpu(), {.relative = 1e-5, .absolute = 1e-5}));
  return logits.cpu();
}

TEST(Parity, OfBertUnderMasksOfAnyKind) {
  for (const auto& [name, shape] : shapes()) {
    const TempDir folder;
    shape.write(folder.path());
    const auto here = families::read_model(folder.path()),
               there = families::read_model(folder.path(), "", fake_device().place);
    EXPECT_EQ(there->device(), fake_device().place);
    const auto batches = some_batches(shape);
    const auto expect_equal = [&](const nn::Model& a, const nn::Model& b, const std::string& what) {
      EXPECT_TRUE(is_close(cpu_logits(a, batches), cpu_logits(b, batches), {.relative = 1e-4, .absolute = 1e-4}))
          << "heads " << name << ", " << what;
    };
    expect_equal(*there, *here, "dense");
    for (const double kept : {0.2, 0.5, 0.9}) {
      const auto mask = random_mask(here->sites(), kept, 7);
      expect_equal(*there->masked(mask), *here->masked(mask), "masked");
      expect_equal(*there->compacted(mask), *here->compacted(mask), "compacted");
      expect_equal(*there->compacted(mask), *here->masked(mask), "compacted against masked");
    }
    Mask nothing(here->sites());
    for (auto& tensor : nothing.site(0).kept) tensor.zero_();
    nothing.site(1).of(Projection::Q).zero_();
    expect_equal(*there->compacted(nothing), *here->masked(nothing), "a site without heads, one without queries");
  }
}

TEST(Parity, OfMasksInASeries) {
  const TinyBert shape{.heads = 2, .head_dim = 8, .layers = 3, .positions = 40};
  const TempDir folder;
  shape.write(folder.path());
  const auto here = families::read_model(folder.path()),
             there = families::read_model(folder.path(), "", fake_device().place);
  const auto batches = some_batches(shape);
  const auto inputs = there->prepared(batches);
  inputs->expect_again();
  nn::MaskSeries series(*there, ComputeType::Float32, {}, 1'000'000);
  std::vector<std::unique_ptr<nn::Model>> models;
  std::vector<const nn::Model*> together;
  const Units heads(here->sites(), Granularity::Head);
  series.compacted(Mask(here->sites()))->logits_of(*inputs);
  for (std::int64_t head = 0; head < heads.count(); ++head) {
    auto kept = at::ones({heads.count()}, at::kBool);
    kept[head] = false;
    const auto mask = heads.mask(kept);
    const auto model = series.compacted(mask);
    const auto alone = there->compacted(mask)->logits_of(*there->prepared(batches)).cpu();
    EXPECT_TRUE(model->logits_of(*inputs).cpu().equal(alone)) << head;
    EXPECT_EQ(model->take_skipped() > 0, heads[head].site > 0) << head;
    EXPECT_TRUE(is_close(alone, cpu_logits(*here->masked(mask), batches), {.relative = 1e-4, .absolute = 1e-4}));
    together.push_back(models.emplace_back(series.compacted(mask)).get());
  }
  const auto all = there->logits_of_each(together, *inputs);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_TRUE(all[i].equal(models[i]->logits_of(*there->prepared(batches)))) << i;
}

TEST(Parity, OfOneCallForAllLengths) {
  const TinyBert shape{.heads = 3, .head_dim = 8, .positions = 40};
  const TempDir folder;
  shape.write(folder.path());
  const auto model = families::read_model(folder.path(), "", fake_device().place);
  std::vector<Batch> batches;
  for (std::int64_t length = 1; length <= 20; ++length) batches.push_back(random_batch(shape, 2, length, 5));
  const FakeCounts counts;

  cpu_logits(*model, batches);

  EXPECT_EQ(counts.named("aten::_efficient_attention_forward"), 2 * shape.layers) << "a site, asked twice";
}

// Of the loss, in each weight; through packed attention and through the other.
TEST(Parity, OfGradients) {
  for (const auto& [name, shape] : shapes()) {
    const TempDir folder;
    shape.write(folder.path());
    const auto gradients = [&](const at::Device& device) {
      const auto model = families::read_model(folder.path(), "", device)->trainable_copy();
      const auto parameters = model->parameters();
      for (const auto& parameter : parameters) at::Tensor(parameter.tensor).requires_grad_(true);
      for (const auto& batch : some_batches(shape)) model->losses(batch).sum().backward();
      std::vector<at::Tensor> found;
      for (const auto& parameter : parameters) found.push_back(parameter.tensor.grad().cpu());
      return found;
    };
    const auto here = gradients(at::kCPU), there = gradients(fake_device().place);
    ASSERT_EQ(here.size(), there.size());
    for (std::size_t i = 0; i < here.size(); ++i)
      EXPECT_TRUE(is_close(there[i], here[i], {.relative = 1e-3, .absolute = 1e-4})) << name << ' ' << i;
  }
}

TEST(Parity, OfSoundsAndSpeech) {
  const std::map<std::string, std::function<void(const std::filesystem::path&)>> families = {
      {"ast", [](const auto& folder) { write_drawn_ast(folder); }},
      {"whisper of 16", [](const auto& folder) { write_drawn_whisper(folder, 32); }},
      {"whisper of 5", [](const auto& folder) { write_drawn_whisper(folder, 10); }}};
  for (const auto& [name, write] : families) {
    const TempDir folder;
    write(folder.path() / "model");
    const auto here = families::read_model(folder / "model"),
               there = families::read_model(folder / "model", "", fake_device().place);
    std::map<std::string, at::Tensor> inputs;
    auto generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{3});
    if (name == "ast") {
      inputs["input_values"] = at::zeros({3, 20, 8}).normal_(0, 1, generator);
    } else {
      inputs["input_features"] = at::zeros({3, 8, 20}).normal_(0, 1, generator);
      inputs["decoder_input_ids"] = at::tensor({5, 3, 7, 5, 2, 2, 5, 30, 12}, at::kLong).view({3, 3});
    }
    const auto mask = random_mask(here->sites(), 0.6, 4);
    const auto expect_equal = [&](const nn::Model& a, const nn::Model& b, const char* what) {
      const at::NoGradGuard no_gradients;
      const auto first = a.outputs(inputs), second = b.outputs(inputs);
      ASSERT_EQ(first.size(), second.size());
      for (const auto& [output, values] : second)
        EXPECT_TRUE(is_close(first.at(output).cpu(), values.cpu(), {.relative = 1e-4, .absolute = 1e-4}))
            << name << ' ' << what << ' ' << output;
    };
    expect_equal(*there, *here, "dense");
    expect_equal(*there->masked(mask), *here->masked(mask), "masked");
    expect_equal(*there->compacted(mask), *here->masked(mask), "compacted");
  }
}

// What a device computed is saved as what it is anywhere.
TEST(Parity, OfCheckpointsThatAreSaved) {
  const TempDir folder;
  const TinyBert shape{.heads = 3, .head_dim = 8, .positions = 40};
  shape.write(folder / "model");
  const auto there = families::read_model(folder / "model", "", fake_device().place);
  const auto mask = random_mask(there->sites(), 0.5, 2);
  std::filesystem::create_directories(folder / "saved");

  there->masked(mask)->save(folder / "saved");

  const std::vector<Batch> batches = some_batches(shape);
  EXPECT_TRUE(is_close(cpu_logits(*families::read_model(folder / "saved"), batches),
                       cpu_logits(*families::read_model(folder / "model")->masked(mask), batches)));
}

}  // namespace
}  // namespace espalier::test
