#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base_model.h"
#include "families/families.h"
#include "family_cells.h"
#include "nn/mask_file.h"
#include "support/message_of.h"
#include "tables/split_tables.h"

namespace espalier::test {
namespace {

TEST(Cell, YieldsADenseAndAProvenPrunedPoint) {
  TinyCell tiny;

  const auto result = tiny.engine()->run(tiny.cell);

  ASSERT_EQ(result.points.size(), 2u);
  const auto& dense = result.points[0];
  const auto& pruned = result.points[1];
  EXPECT_EQ(dense.kind, "dense");
  EXPECT_EQ(dense.achieved_sparsity, 0);
  EXPECT_EQ(pruned.kind, "pruned");
  EXPECT_EQ(pruned.requested_sparsity, 0.5);
  EXPECT_TRUE(pruned.proof_passed.value()) << pruned.proof->failure;
  EXPECT_EQ(pruned.examples, 60);
  EXPECT_EQ(pruned.predictions.size(), 60u);
  EXPECT_TRUE(pruned.metrics.contains("accuracy"));
  EXPECT_TRUE(result.failure.empty());
}

// 6 heads of 4 * 12 * 4 weights and 3 * 4 biases: 204 parameters each, half of them gone.
// From the base model's training to the proof, and for the next cell of the same model.
TEST(Cell, OpensTheTableOfASplitOnceAndDigestsItOnce) {
  TinyCell tiny;
  use_format(tiny, "audio-classification");
  tiny.cell.model.train->epochs = 1;
  const auto engine = tiny.engine();
  const auto before = table_counts();

  EXPECT_TRUE(engine->run(tiny.cell).points.at(1).proof_passed.value());
  tiny.cell.budget.value = 0.25;
  EXPECT_TRUE(engine->run(tiny.cell).points.at(1).proof_passed.value());

  EXPECT_EQ(table_counts().opened - before.opened, 3);
  EXPECT_EQ(table_counts().digested - before.digested, 3);
}

TEST(Cell, CountsHeadsToTheParameter) {
  TinyCell tiny;

  const auto pruned = tiny.engine()->run(tiny.cell).points[1];

  EXPECT_EQ(pruned.parameters_dense, 6 * 204);
  EXPECT_EQ(pruned.parameters_masked, 3 * 204);
  EXPECT_EQ(pruned.parameters_removed, 3 * 204);
  EXPECT_DOUBLE_EQ(pruned.achieved_sparsity, 0.5);
  EXPECT_LT(pruned.multiply_adds_done, pruned.multiply_adds_dense);
}

TEST(Cell, MaskedAndRemovedDifferWhereOneProjectionIsPrunedAlone) {
  TinyCell tiny;
  tiny.cell.granularity = Granularity::QChannel;

  const auto pruned = tiny.engine()->run(tiny.cell).points[1];

  EXPECT_EQ(pruned.parameters_masked, 12 * 13);       // half of 24 Q channels of 12 weights and a bias
  EXPECT_EQ(pruned.parameters_removed, 2 * 12 * 13);  // their K partners are dead
  EXPECT_TRUE(pruned.proof_passed.value()) << pruned.proof->failure;
}

// The fast path leaves pruned heads out; the plain path zeroes their weights.
TEST(Cell, GivesThePredictionsOfThePlainPath) {
  TinyCell tiny;
  for (const char* granularity : {"head", "head-channel", "same-channel", "projection-channel"}) {
    tiny.cell.granularity = from_name<Granularity>(granularity);
    const auto result = tiny.engine()->run(tiny.cell);
    engine::BaseModels models(tiny.folder / "cache", Watch{});
    auto& base = models.get(tiny.cell);
    const auto mask = nn::read_mask(result.artifacts.back().path, base.model->sites(), base.checkpoint_digest);

    const auto plain = base.task->evaluate(*base.model->masked(mask), base.task->split("test"));
    const auto small = base.model->compacted(mask);

    EXPECT_EQ(plain.outcomes, result.points[1].predictions) << granularity;
    EXPECT_NEAR(plain.metrics.at("cross_entropy"), result.points[1].metrics.at("cross_entropy"), 1e-5) << granularity;
    EXPECT_EQ(small->parameter_count(), result.points[1].parameters_total) << granularity;
  }
}

// What a cell kept can be used by hand: the mask names the checkpoint that the base model lies in.
TEST(Cell, KeepsAMaskForTheCheckpointItBelongsTo) {
  TinyCell tiny;
  const auto result = tiny.engine()->run(tiny.cell);
  const auto model = families::read_model(result.artifacts.front().path);
  const auto digest = DigestMemory(tiny.folder / "digests").of_checkpoint(result.artifacts.front().path);

  EXPECT_FALSE(nn::read_mask(result.artifacts.back().path, model->sites(), digest).keeps_everything());
  EXPECT_THROW(nn::read_mask(result.artifacts.back().path, model->sites(), std::string(64, '0')), InputError);
}

TEST(Cell, EqualCellsGiveEqualNumbers) {
  TinyCell tiny;
  tiny.cell.scorer = tiny.plugin("scorer", "random");
  const auto first = tiny.engine()->run(tiny.cell).points[1];
  const auto again = tiny.engine()->run(tiny.cell).points[1];
  tiny.cell.seed = 1;
  const auto other = tiny.engine()->run(tiny.cell).points[1];

  EXPECT_EQ(first.mask_digest, again.mask_digest);
  EXPECT_EQ(first.metrics, again.metrics);
  EXPECT_NE(first.mask_digest, other.mask_digest);
}

TEST(Cell, SeedsThatNobodyUsesShareOneComputation) {
  TinyCell tiny;
  const auto engine = tiny.engine();
  const auto first = engine->run(tiny.cell);
  tiny.cell.seed = 7;

  const auto again = engine->run(tiny.cell);

  const auto timing = to_json(again.timing);

  EXPECT_TRUE(timing["cached"]["base_model"].get<bool>());
  EXPECT_TRUE(timing["cached"]["scores"].get<bool>());
  EXPECT_TRUE(timing["cached"]["evaluation"].get<bool>());
  EXPECT_FALSE(first.timing.cached.at("proof"));
  EXPECT_TRUE(timing["cached"]["proof"].get<bool>());
  auto expected = to_json(first.points[1]);
  expected["multiply_adds_done"] = 0;
  EXPECT_EQ(to_json(again.points[1]), expected);
  EXPECT_EQ(to_json(again.points[0]), to_json(first.points[0]));
}

TEST(Cell, ProvesNothingTwiceAndAnotherMaskAnew) {
  TinyCell tiny;
  const auto engine = tiny.engine();
  const auto first = engine->run(tiny.cell);
  tiny.cell.measure.proof = false;
  const auto unproven = engine->run(tiny.cell);
  tiny.cell.measure.proof = true;
  tiny.cell.budget.value = 0.34;

  const auto other = engine->run(tiny.cell);

  EXPECT_FALSE(unproven.points[1].proof);
  EXPECT_FALSE(unproven.timing.cached.contains("proof"));
  EXPECT_NE(other.points[1].mask_digest, first.points[1].mask_digest);
  EXPECT_FALSE(other.timing.cached.at("proof"));
  EXPECT_TRUE(other.points[1].proof_passed.value());
}

TEST(Cell, StopsWhenInterrupted) {
  TinyCell tiny;
  engine::Engine stopped(bundled_plugins(), tiny.folder / "cache", {nullptr, [] { return true; }});

  EXPECT_THROW(stopped.run(tiny.cell), Interrupted);
}

}  // namespace
}  // namespace espalier::test
