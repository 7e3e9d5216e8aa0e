// Masks of one model, whatever comes before them and however little memory there is: the bits of each alone.
#include <espalier/error.h>
#include <families/families.h>
#include <gtest/gtest.h>
#include <nn/arithmetic.h>
#include <nn/network.h>
#include <nn/series/mask_series.h>

#include <algorithm>
#include <random>

#include "device/tiny_models.h"
#include "families/tiny_bert.h"
#include "families/tiny_whisper.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

std::unique_ptr<nn::Model> four_layers_of_bert() {
  return TinyBert{.heads = 3, .head_dim = 5, .layers = 4, .positions = 40}.model();
}

std::unique_ptr<nn::Model> four_layers_of_ast() {
  const TempDir folder;
  write_drawn_ast(folder.path());
  auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["num_hidden_layers"] = 4;
  write_file(folder / "config.json", config.dump());
  return families::model_from_scratch(folder.path(), {"class 0", "class 1", "class 2"}, {}, 1);
}

// Of several lengths, one of them padded: more than one piece of a CPU.
std::vector<Batch> texts() {
  const TinyBert shape{.heads = 3, .head_dim = 5, .layers = 4, .positions = 40};
  return {random_batch(shape, 3, 7, 1), random_batch(shape, 4, 12, 3, /*padded=*/true), random_batch(shape, 36, 30, 4),
          random_batch(shape, 2, 1, 2)};
}

std::vector<Batch> sounds() {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  Batch batch;
  batch.inputs["input_values"] = at::zeros({5, 20, 8}).normal_(0, 1, generator);
  batch.labels = at::tensor({0, 1, 2, 0, 1}, at::kLong);
  batch.rows = {0, 1, 2, 3, 4};
  return {batch};
}

// Masks without one unit, without half of them, and with few, of every granularity; in no order.
std::vector<Mask> some_masks(const std::vector<Site>& sites) {
  std::vector<Mask> masks = {Mask(sites), random_mask(sites, 0.5, 1), random_mask(sites, 0.05, 2)};
  std::mt19937_64 random(5);
  for (const auto granularity : granularities) {
    const Units units(sites, granularity);
    for (int i = 0; i < 3; ++i) {
      auto kept = at::ones({units.count()}, at::kBool);
      kept[static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(units.count()))] = false;
      masks.push_back(units.mask(kept));
    }
    auto generator = at::make_generator<at::CPUGeneratorImpl>(random());
    masks.push_back(units.mask(at::zeros({units.count()}).uniform_(0, 1, generator).lt(0.5)));
  }
  std::shuffle(masks.begin(), masks.end(), random);
  return masks;
}

struct Family {
  const char* name;
  std::unique_ptr<nn::Model> (*model)();
  std::vector<Batch> (*batches)();
};
std::ostream& operator<<(std::ostream& out, const Family& family) { return out << family.name; }

class Series : public testing::TestWithParam<Family> {
 protected:
  Series()
      : model(GetParam().model()), inputs(model->prepared(GetParam().batches())), masks(some_masks(model->sites())) {
    inputs->expect_again();
  }
  // By a model of its own, from the first layer on.
  at::Tensor alone(const Mask& mask, ComputeType type) const {
    const nn::ForInference dense(*model, type);
    const auto compacted = dense->compacted(mask, {});
    return compacted->logits_of(*compacted->prepared(GetParam().batches()));
  }

  std::unique_ptr<nn::Model> model;
  std::shared_ptr<const nn::PreparedInputs> inputs;
  std::vector<Mask> masks;
};

TEST_P(Series, AMaskAfterOthersGivesItsOwnBits) {
  const c10::InferenceMode inference;
  for (const auto type : {ComputeType::Float32, ComputeType::BFloat16}) {
    const nn::ComputeGuard compute(type);
    for (const std::int64_t most_bytes : {0, 20'000, 100'000'000}) {
      if (type != ComputeType::Float32 && most_bytes < 100'000'000) continue;
      nn::MaskSeries series(*model, type, {}, most_bytes);
      for (int round = 0; round < 2; ++round) {
        for (const auto& mask : masks) {
          const auto compacted = series.compacted(mask);
          EXPECT_TRUE(compacted->logits_of(*inputs).equal(alone(mask, type)))
              << most_bytes << " bytes, " << to_string(type);
          const auto& prefixes = *dynamic_cast<const nn::Network&>(*compacted).place()->prefixes;
          EXPECT_LE(prefixes.bytes(), most_bytes);
          if (most_bytes > 20'000) {
            EXPECT_GT(prefixes.bytes(), 0);
          }
        }
      }
      if (most_bytes > 20'000) {
        EXPECT_GT(series.known_sites(), series.compacted_sites());
      }
    }
  }
}

TEST_P(Series, MasksTogetherGiveTheBitsOfEachAlone) {
  const c10::InferenceMode inference;
  nn::MaskSeries series(*model, ComputeType::Float32, {}, 30'000);
  std::mt19937_64 random(7);
  for (const std::size_t count : {masks.size(), masks.size() / 2, std::size_t{2}}) {
    std::vector<std::unique_ptr<nn::Model>> held;
    std::vector<const nn::Model*> models;
    for (std::size_t i = 0; i < count; ++i) models.push_back(held.emplace_back(series.compacted(masks[i])).get());
    const auto all = model->logits_of_each(models, *inputs);
    ASSERT_EQ(all.size(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(all[i].equal(alone(masks[i], ComputeType::Float32))) << i;
    std::shuffle(masks.begin(), masks.end(), random);
  }
}

TEST_P(Series, WhatIsKnownIsNotDoneAgain) {
  const c10::InferenceMode inference;
  nn::MaskSeries series(*model, ComputeType::Float32, {}, 100'000'000);
  const Units heads(model->sites(), Granularity::Head);
  const auto without = [&](std::int64_t site) {
    auto kept = at::ones({heads.count()}, at::kBool);
    for (std::int64_t i = 0; i < heads.count(); ++i) {
      if (heads[i].site == site && heads[i].head == 0) kept[i] = false;
    }
    return series.compacted(heads.mask(kept));
  };
  const auto whole = series.compacted(Mask(model->sites()));
  whole->logits_of(*inputs);
  EXPECT_EQ(whole->take_skipped(), 0);
  std::int64_t before = 0;
  for (std::int64_t site = 0; site < 4; ++site) {
    const auto pruned = without(site);
    pruned->logits_of(*inputs);
    const auto skipped = pruned->take_skipped();
    EXPECT_EQ(skipped > before, site > 0) << site;
    // Layers are alike: site layers of the dense model.
    if (site > 0) {
      EXPECT_EQ(skipped % site, 0);
      EXPECT_EQ(skipped / site, before == 0 ? skipped : before / (site - 1));
    }
    before = skipped;
    EXPECT_EQ(pruned->take_skipped(), 0);
  }
}

TEST_P(Series, VisitsEveryMaskOnceAndNeighboursTogether) {
  nn::MaskSeries series(*model, ComputeType::Float32, {}, 100'000'000);
  const auto groups = series.visits(masks);
  std::vector<std::size_t> seen;
  for (const auto& group : groups) seen.insert(seen.end(), group.begin(), group.end());
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), masks.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
  EXPECT_EQ(groups.size(), 1U);
  nn::MaskSeries without_memory(*model, ComputeType::Float32, {}, 0);
  EXPECT_EQ(without_memory.visits(masks).size(), masks.size());
}

TEST_P(Series, WhatIsMadeOfAModelStandsOutside) {
  nn::MaskSeries series(*model, ComputeType::Float32, {}, 100'000'000);
  const auto pruned = series.compacted(masks[0]);
  const auto place = [](const nn::Model& one) { return dynamic_cast<const nn::Network&>(one).place(); };
  EXPECT_NE(place(*pruned), nullptr);
  EXPECT_EQ(place(*pruned->trainable_copy()), nullptr);
  EXPECT_EQ(place(*pruned->masked(masks[1])), nullptr);
  EXPECT_EQ(place(*pruned->compacted(masks[1])), nullptr);
  EXPECT_EQ(place(*nn::converted(*pruned, at::kDouble)), nullptr);
  EXPECT_EQ(place(*pruned->with_parameters([&] {
              std::vector<at::Tensor> tensors;
              for (const auto& parameter : pruned->parameters()) tensors.push_back(parameter.tensor);
              return tensors;
            }())),
            nullptr);
}

TEST_P(Series, LossesWithoutEachUnitAreThoseOfClosedGates) {
  const auto prunable = model->prunable();
  const auto batch = GetParam().batches().front();
  for (const auto granularity : {Granularity::Head, Granularity::SameChannel, Granularity::KChannel}) {
    const Units units(model->sites(), granularity);
    const auto losses = prunable->losses_without_each(batch, units);
    ASSERT_EQ(losses.sizes(), at::IntArrayRef({units.count() + 1, batch.size()}));
    EXPECT_TRUE(is_close(losses, prunable->PrunableModel::losses_without_each(batch, units),
                         {.relative = 1e-5, .absolute = 1e-5}))
        << to_string(granularity);
  }
}

INSTANTIATE_TEST_SUITE_P(OfEveryEncoder, Series,
                         testing::Values(Family{"bert", four_layers_of_bert, texts},
                                         Family{"ast", four_layers_of_ast, sounds}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(Series, RefusesAMaskOfAnotherModel) {
  const auto model = four_layers_of_bert(), other = four_layers_of_ast();
  nn::MaskSeries series(*model, ComputeType::Float32, {}, 1000);
  const std::string refusal = "the mask belongs to another model: its sites, heads or widths differ";
  EXPECT_EQ(message_of<InputError>([&] { series.compacted(Mask(other->sites())); }), refusal);
  const std::vector<Mask> masks = {Mask(other->sites())};
  EXPECT_EQ(message_of<InputError>([&] { series.visits(masks); }), refusal);
}

TEST(PieceStates, KeepsTheLatestWithinItsBudget) {
  nn::MemoryBudget budget{100};
  nn::PieceStates states(budget);
  const auto versions = [](std::vector<std::int64_t> numbers) { return numbers; };
  const auto ten = at::ones({10});  // 40 bytes
  const auto one = versions({1}), two = versions({1, 2}), three = versions({1, 2, 3});
  states.keep(one, ten);
  states.keep(two, ten * 2);
  EXPECT_EQ(states.furthest(three).sites, 2);
  EXPECT_EQ(states.furthest(one).sites, 1);  // used last
  states.keep(three, ten * 3);
  EXPECT_EQ(budget.bytes, 80);
  EXPECT_EQ(states.furthest(two).sites, 1) << "the least recently used is gone";
  EXPECT_EQ(states.furthest(three).hidden[0].item<float>(), 3);
  EXPECT_FALSE(states.furthest(versions({2, 2, 3})).hidden.defined());
  states.keep(versions({7}), at::ones({30}));
  EXPECT_EQ(budget.bytes, 80) << "what is too large is not kept";
}

TEST(Prefixes, MakesRoomForInputsThatAreAskedFor) {
  nn::Prefixes prefixes(100);
  const std::vector<std::int64_t> none;
  prefixes.of(1, 0).keep(none, at::ones({24}));
  EXPECT_EQ(prefixes.bytes(), 96);
  prefixes.begin();
  prefixes.of(2, 0).keep(none, at::ones({20}));
  EXPECT_EQ(prefixes.bytes(), 96) << "the first to come stay";
  for (int i = 0; i < 20; ++i) prefixes.begin();
  prefixes.of(2, 0).keep(none, at::ones({20}));
  EXPECT_EQ(prefixes.bytes(), 80) << "nobody asked for them";
  prefixes.forget(2);
  EXPECT_EQ(prefixes.bytes(), 0);
}

}  // namespace
}  // namespace espalier::test
