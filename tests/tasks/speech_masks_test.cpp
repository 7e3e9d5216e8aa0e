// Speech under many masks of one model: the numbers of each mask alone, and less work.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nn/network.h>
#include <nn/series/mask_series.h>

#include "support/speaking.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

std::vector<Mask> some_masks(const nn::Model& model) {
  std::vector<Mask> masks = {Mask(model.sites())};
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::VChannel}) {
    const Units units(model.sites(), granularity);
    for (const double share : {0.1, 0.4}) {
      masks.push_back(units.mask(at::rand({units.count()}) >= share));
      Mask decoder(model.sites());
      for (std::int64_t site = 0; site < decoder.size(); ++site) {
        if (model.sites()[static_cast<std::size_t>(site)].kind != SiteKind::EncoderSelf)
          decoder.site(site) = masks.back().site(site);
      }
      masks.push_back(decoder);
    }
  }
  return masks;
}

void expect_same(const tasks::Evaluation& found, const tasks::Evaluation& wanted, std::size_t mask) {
  EXPECT_EQ(found.metrics, wanted.metrics) << mask;
  EXPECT_EQ(found.outcomes, wanted.outcomes) << mask;
  EXPECT_EQ(found.example_numbers, wanted.example_numbers) << mask;
  EXPECT_EQ(found.example_numbers.at("words").size(), static_cast<std::size_t>(found.examples)) << mask;
  EXPECT_EQ(found.examples, wanted.examples) << mask;
  for (const auto& [name, tensor] : wanted.outputs)
    EXPECT_TRUE(is_close(found.outputs.at(name), tensor, {0, 0})) << name << " of mask " << mask;
}

void expect_masks_evaluated(Speaking& speaking, std::int64_t most_bytes) {
  const auto& split = speaking.split();
  const auto& task = speaking.task();
  const auto masks = some_masks(*speaking.model);
  nn::MaskSeries series(*speaking.model, ComputeType::Float32, {}, most_bytes);
  const auto together = task.evaluate_each(series, masks, split);
  ASSERT_EQ(together.size(), masks.size());
  std::int64_t less = 0;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const auto wanted = task.evaluate(*speaking.model->compacted(masks[i]), split);
    expect_same(together[i], wanted, i);
    const auto alone = task.evaluate(*series.compacted(masks[i]), split);
    expect_same(alone, wanted, i);
    EXPECT_LE(together[i].multiply_adds, wanted.multiply_adds);
    EXPECT_GT(together[i].multiply_adds, 0);
    less += wanted.multiply_adds - together[i].multiply_adds;
  }
  if (most_bytes > 0) {
    EXPECT_GT(less, 0);
  }
}

TEST(SpeechMasks, AreEvaluatedTogetherAsApart) {
  at::manual_seed(6);
  for (const std::int64_t most_bytes : {1 << 28, 100'000, 0}) {
    for (const char* language : {"", "fr"}) {
      Speaking speaking(language);
      expect_masks_evaluated(speaking, most_bytes);
    }
  }
}

TEST(SpeechMasks, HearSoundsInChunks) {
  at::manual_seed(7);
  Speaking speaking;
  speaking.with_a_long_sound();
  expect_masks_evaluated(speaking, 1 << 28);
}

}  // namespace
}  // namespace espalier::test
