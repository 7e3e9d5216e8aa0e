#include "engine/scoring.h"

#include <ATen/ATen.h>
#include <ATen/ops/ones.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "nn/arithmetic.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

struct Scoring {
  Scoring() : models(tiny.folder / "cache", Watch{}), base(models.get(tiny.cell)) {}
  engine::ScoreRequest request(const std::string& scorer, const Settings& settings = {}) {
    return {scorer, tiny.plugin("scorer", scorer, settings).settings};
  }
  engine::ScoreCache cache() { return {tiny.folder / "cache", bundled_plugins(), {}}; }
  TinyCell tiny;
  engine::BaseModels models;
  engine::BaseModel& base;
};

TEST(Scoring, IsDoneOnceAndFoundAgain) {
  Scoring scoring;
  auto first = scoring.cache(), second = scoring.cache();

  const auto computed = first.get(scoring.base, scoring.request("gate-gradient"));
  const auto found = second.get(scoring.base, scoring.request("gate-gradient"));

  EXPECT_TRUE(computed.computed_now);
  EXPECT_FALSE(found.computed_now);
  EXPECT_TRUE(is_close(found.values, computed.values, {.relative = 1e-6}));
}

// One pass over channels serves heads, where the scorer says that a head is the sum of its channels.
TEST(Scoring, HeadsFromChannelsEqualHeadsAskedDirectly) {
  Scoring scoring;
  auto cache = scoring.cache();
  const auto request = scoring.request("fisher");

  const auto summed = cache.get(scoring.base, request).values;

  const auto direct = engine::compute_scores(
      bundled_plugins(),
      {*scoring.base.model, *scoring.base.model, scoring.base.task.get(), &scoring.base.task->split("validation")},
      request);
  EXPECT_TRUE(is_close(summed, direct, {.relative = 1e-5}));
}

TEST(Scoring, FromTheModelItselfThereIsNothingToLearn) {
  Scoring scoring;
  auto cache = scoring.cache();
  auto request = scoring.request("fisher");
  request.settings.set("loss", std::string("distillation"));

  EXPECT_EQ(
      message_of<SettingsError>([&] { cache.get(scoring.base, request); }),
      "scorer 'fisher' is to learn from the dense model, which is the one it looks at: that loss has no gradient\n "
      "   use "
      "loss = \"task\", or name another checkpoint as teacher");
}

TEST(Scoring, AblationAsksForTheTask) {
  Scoring scoring;
  auto cache = scoring.cache();
  auto request = scoring.request("ablation");
  request.settings.set("metric", std::string("task"));

  const auto lost = cache.get(scoring.base, request).values;  // accuracy lost with each head

  const Units units(scoring.base.model->sites(), Granularity::Head);
  const auto& split = scoring.base.task->split("validation");
  const auto accuracy = [&](const nn::Model& model) {
    return scoring.base.task->evaluate(model, split).metrics.at("accuracy");
  };
  for (std::int64_t head = 0; head < units.count(); ++head) {
    auto kept = at::ones({units.count()}, at::kBool);
    kept[head] = false;
    EXPECT_NEAR(lost[head].item<double>(),
                accuracy(*scoring.base.model) - accuracy(*scoring.base.model->masked(units.mask(kept))), 1e-9);
  }
}

TEST(Scoring, OnlyScorersThatDrawRandomNumbersDependOnTheSeed) {
  Scoring scoring;
  auto cache = scoring.cache();
  auto magnitude = scoring.request("magnitude"), random = scoring.request("random");
  const auto magnitude_digest = cache.get(scoring.base, magnitude).digest,
             random_digest = cache.get(scoring.base, random).digest;
  magnitude.seed = random.seed = 5;

  EXPECT_EQ(cache.get(scoring.base, magnitude).digest, magnitude_digest);
  EXPECT_NE(cache.get(scoring.base, random).digest, random_digest);
}

TEST(Scoring, BatchesFollowTheFileWhereTheAnswerDependsOnThem) {
  Scoring scoring;
  const auto& split = scoring.base.task->split("validation");
  const auto per_batch = scoring.request(
      "fisher",
      Settings({{"squares", std::string("per-batch")}, {"samples", std::int64_t{20}}, {"batch", std::int64_t{8}}}));
  const auto per_sample = scoring.request("fisher", Settings({{"samples", std::int64_t{20}}}));

  const auto& fisher = bundled_plugins().find("scorer", "fisher").description;
  tasks::ScoringBatches in_order(&split, *scoring.base.model, per_batch.settings, fisher);
  tasks::ScoringBatches bucketed(&split, *scoring.base.model, per_sample.settings, fisher);

  EXPECT_EQ(in_order.next()->rows, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(bucketed.examples(), 20);
  std::int64_t examples = 0;
  while (const auto batch = bucketed.next()) {
    examples += batch->size();
    for (const auto row : batch->rows) EXPECT_LT(row, 20);
  }
  EXPECT_EQ(examples, 20);
  // The word is the card's: a plugin that says nothing of it is given rows by length.
  tasks::ScoringBatches unmarked(&split, *scoring.base.model, per_batch.settings, PluginDescription{});
  EXPECT_NE(unmarked.next()->rows, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Scoring, CardsSayWhichValuesMakeTheAnswerDependOnBatches) {
  const auto depends = [](const char* scorer, const char* setting, const char* value) {
    return depends_on_batches(bundled_plugins().find("scorer", scorer).description,
                              Settings({{setting, std::string(value)}}));
  };

  EXPECT_TRUE(depends("fisher", "squares", "per-batch"));
  EXPECT_FALSE(depends("fisher", "squares", "per-sample"));
  EXPECT_TRUE(depends("gate-gradient", "absolute", "batch"));
  EXPECT_FALSE(depends("gate-gradient", "absolute", "sample"));
  EXPECT_FALSE(depends("gate-gradient", "absolute", "token"));
  EXPECT_TRUE(depends("taylor", "absolute", "token"));
}

// Bytes that tensors of this thread hold, as LibTorch's allocator reports them.
class HeldBytes : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override { held += size; }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t held = 0;
};

// Every batch makes leaves of its own; autocast kept the half copies of them all (57 MB a batch of BERT-base).
TEST(Scoring, UnderBfloat16HoldsNoMoreAfterManyBatches) {
  Scoring scoring;
  const auto batches = scoring.base.task->split("validation").collated();
  const auto bytes = std::make_shared<HeldBytes>();
  const c10::DebugInfoGuard reports(c10::DebugInfoKind::PROFILER_STATE, bytes);
  const nn::ComputeGuard compute(ComputeType::BFloat16, at::kCPU, nn::ComputeGuard::Purpose::Gradients);
  const auto model = scoring.base.model->prunable();
  model->gradients(batches.at(0));
  const auto before = bytes->held;

  for (int again = 0; again < 20; ++again) model->gradients(batches.at(0));

  EXPECT_EQ(bytes->held, before);
}

TEST(Scoring, UnknownScorerNamesTheNearest) {
  Scoring scoring;

  const auto message = message_of<SettingsError>([&] { bundled_plugins().find("scorer", "fischer"); });

  EXPECT_NE(message.find("unknown scorer 'fischer'"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'fisher'?"), std::string::npos) << message;
}

}  // namespace
}  // namespace espalier::test
