// What plugins are shown is found as it was, or their cell fails and later cells are right.
#include "engine/untouched.h"

#include <ATen/core/grad_mode.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "families/families.h"
#include "support/message_of.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

const loader::PluginCatalog& all_plugins() {
  static const std::filesystem::path build(ESPALIER_BINARY_DIR);
  static const loader::PluginCatalog catalog({build / "plugins", build / "broken_plugins/misbehaves.so",
                                              build / "broken_plugins/greedy_searcher.so",
                                              build / "broken_plugins/meddling_recovery.so"});
  return catalog;
}

PluginSettings misbehaving(const std::string& role, const std::string& name, const std::string& what) {
  const auto& description = all_plugins().find(role, name).description;
  return {name, name, description.version, complete_settings(description, Settings({{"what", what}}))};
}

// A cell, and one engine for it and for others.
struct World {
  std::string refusal(const CellSettings& cell) {
    return message_of<PluginError>([&] { host.run(cell); });
  }
  // What a cell leaves: the mask's digest, and every answer on the test split.
  std::string outcome(const CellSettings& cell) {
    const auto result = host.run(cell);
    return result.points.back().mask_digest + ' ' + result.points.back().predictions;
  }

  TinyCell tiny;
  engine::Engine host{all_plugins(), tiny.folder / "cache", Watch{}};
};

TEST(Untouched, SeesEverySingleValueOfEveryTensor) {
  const TinyCell tiny;
  const auto model = families::read_model(tiny.folder / "model");
  const auto before = engine::digest_of(*model);
  const at::NoGradGuard no_gradients;
  std::size_t tensors = 0;

  EXPECT_TRUE(engine::changed_tensors(*model, before).empty());
  model->each_tensor([&](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.defined() || tensor.numel() == 0) return;
    auto last = tensor.view({-1}).select(0, tensor.numel() - 1);
    const auto value = last.clone();
    last.add_(1e-3);
    EXPECT_EQ(engine::changed_tensors(*model, before), std::vector<std::string>{name});
    last.copy_(value);
    EXPECT_TRUE(engine::changed_tensors(*model, before).empty()) << name;
    ++tensors;
  });
  EXPECT_EQ(tensors, before.size());
  EXPECT_GT(tensors, 10U);
}

TEST(Untouched, FailsAScorerThatChangedWeightsAndGivesLaterCellsTheirs) {
  World clean, world;
  const auto expected = clean.outcome(clean.tiny.cell);
  for (const char* deed : {"change-weights", "change-one-weight", "change-weights-in-destructor"}) {
    auto bad = world.tiny.cell;
    bad.scorer = misbehaving("scorer", "misbehaves", deed);
    const auto message = world.refusal(bad);
    EXPECT_TRUE(message.starts_with("scorer 'misbehaves' changed weights of the model it was shown: ")) << message;
    EXPECT_EQ(world.outcome(world.tiny.cell), expected) << deed;
  }
  auto bad = world.tiny.cell;
  bad.scorer = misbehaving("scorer", "misbehaves", "change-weights-and-throw");
  EXPECT_EQ(world.refusal(bad), "scorer 'misbehaves' failed: after the deed");
  EXPECT_EQ(world.outcome(world.tiny.cell), expected);
}

TEST(Untouched, FailsASearcherThatChangedWeightsAlsoWhereItEvaluatedMeanwhile) {
  World clean, world;
  const auto expected = clean.outcome(clean.tiny.cell);
  for (const char* deed : {"weights", "dense-weights", "weights-and-evaluate"}) {
    auto bad = world.tiny.cell;
    bad.searcher = misbehaving("searcher", "greedy-searcher", deed);
    const auto message = world.refusal(bad);
    EXPECT_TRUE(message.starts_with("searcher 'greedy-searcher' changed weights of the model it was shown: "))
        << message;
    EXPECT_EQ(world.outcome(world.tiny.cell), expected) << deed;
  }
  // What it evaluated on a changed model was not written down.
  EXPECT_FALSE(std::filesystem::exists(world.tiny.folder / "cache/evaluations"));
}

TEST(Untouched, LetsASearcherKeepNeitherScoresNorMasks) {
  World clean, world;
  auto writes = world.tiny.cell;
  writes.searcher = misbehaving("searcher", "greedy-searcher", "scores");

  world.host.run(writes);

  EXPECT_EQ(world.outcome(world.tiny.cell), clean.outcome(clean.tiny.cell));
}

TEST(Untouched, LetsARecoveryChangeWhatItTrainsAndNotTheDenseModel) {
  World clean, world;
  auto cell = world.tiny.cell;
  cell.recovery = misbehaving("recovery", "meddling-recovery", "dense");
  const auto message = world.refusal(cell);
  EXPECT_TRUE(message.starts_with("recovery 'meddling-recovery' changed weights of the model it was shown: "))
      << message;

  cell.recovery = misbehaving("recovery", "meddling-recovery", "own");
  EXPECT_EQ(world.host.run(cell).points.back().kind, "recovered");
  cell.recovery = misbehaving("recovery", "meddling-recovery", "mask");
  const auto masked = world.host.run(cell).points.back().mask_digest;
  EXPECT_EQ(masked, clean.host.run(clean.tiny.cell).points.back().mask_digest);
  EXPECT_EQ(world.outcome(world.tiny.cell), clean.outcome(clean.tiny.cell));
}

TEST(Untouched, BoundsAndCleansWhatASearcherReports) {
  World world;
  auto cell = world.tiny.cell;
  cell.searcher = misbehaving("searcher", "greedy-searcher", "notes");

  const auto details = json_text(to_json(world.host.run(cell).points.back().details.value()));

  EXPECT_LT(details.size(), 100'000U);
  EXPECT_NE(details.find("\\\\xff"), std::string::npos) << details.substr(0, 500);
}

}  // namespace
}  // namespace espalier::test
