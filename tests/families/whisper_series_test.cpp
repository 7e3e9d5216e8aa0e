// Whisper under many masks: what a series of them shares, and what it foresees, changes nothing that is heard.
#include <ATen/ATen.h>
#include <families/speech.h>
#include <gtest/gtest.h>
#include <nn/network.h>
#include <nn/series/mask_series.h>

#include <algorithm>
#include <limits>
#include <random>

#include "families/tiny_whisper.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

using families::Heard;
using families::Together;

constexpr std::int64_t plenty = std::int64_t{1} << 30;

const TinyWhisper shape{.width = 16, .heads = 4, .encoder_layers = 2, .vocabulary = 12, .most_tokens = 40};

Batch utterances(std::int64_t examples, std::int64_t tokens = 6) {
  Batch batch;
  batch.inputs["input_features"] = at::randn({examples, 4, 12}) * 3;
  batch.inputs["decoder_input_ids"] = at::randint(12, {examples, tokens}, at::kLong);
  batch.labels = at::randint(12, {examples, tokens}, at::kLong);
  for (std::int64_t row = 0; row < examples; ++row) batch.rows.push_back(row);
  return batch;
}

std::vector<Site> of_kind(std::vector<Site> sites, SiteKind kind, bool is_one_of_two) {
  std::vector<Site> some;
  for (const auto& site : sites) {
    if (site.kind == kind && (!is_one_of_two || some.empty())) some.push_back(site);
  }
  return some;
}

// Masks of units of every granularity that lie in sites of one kind, and of all; in no order.
std::vector<Mask> some_masks(const nn::Model& model) {
  const auto& sites = model.sites();
  std::vector<Mask> masks = {Mask(sites)};
  std::mt19937_64 random(5);
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::QChannel,
                                 Granularity::VChannel, Granularity::ProjectionChannel}) {
    const Units units(sites, granularity);
    for (const auto kind : {SiteKind::EncoderSelf, SiteKind::DecoderSelf, SiteKind::DecoderCross}) {
      const auto chosen = of_kind(sites, kind, random() % 2 == 0);
      const auto share = 0.2 + 0.2 * static_cast<double>(random() % 4);
      const auto drawn = units.mask(at::rand({units.count()}) > share);
      Mask mask(sites);
      for (std::int64_t site = 0; site < mask.size(); ++site) {
        const auto& name = sites[static_cast<std::size_t>(site)].name;
        if (std::any_of(chosen.begin(), chosen.end(), [&](const auto& one) { return one.name == name; }))
          mask.site(site) = drawn.site(site);
      }
      masks.push_back(std::move(mask));
    }
    masks.push_back(units.mask(at::rand({units.count()}) > 0.5));
  }
  // Nothing is left of the encoder's and of the decoder's sites.
  const Units heads(sites, Granularity::Head);
  masks.push_back(heads.mask(at::zeros({heads.count()}, at::kBool)));
  std::shuffle(masks.begin(), masks.end(), random);
  return masks;
}

void expect_same(const Heard& found, const Heard& wanted, const std::string& what) {
  ASSERT_EQ(found.transcriptions.size(), wanted.transcriptions.size());
  for (std::size_t i = 0; i < wanted.transcriptions.size(); ++i) {
    EXPECT_EQ(found.transcriptions[i].tokens, wanted.transcriptions[i].tokens) << what << ", example " << i;
    EXPECT_EQ(found.transcriptions[i].cut, wanted.transcriptions[i].cut) << what << ", example " << i;
    EXPECT_EQ(found.transcriptions[i].finite, wanted.transcriptions[i].finite) << what << ", example " << i;
  }
  ASSERT_EQ(found.losses.defined(), wanted.losses.defined());
  if (wanted.losses.defined()) {
    EXPECT_TRUE(at::equal(found.losses, wanted.losses)) << what << "\n" << found.losses << "\n" << wanted.losses;
  }
}

struct Way {
  Together together = Together::No;
  std::int64_t most_bytes = plenty;
  bool expects_again = true, at_once = false;
};

// Each mask alone by models that stand in no series, then by those of one.
void expect_masks_heard(const nn::Model& dense, const std::vector<Mask>& masks, const Batch& batch,
                        const DecodingRules& rules, const Way& way) {
  nn::MaskSeries series(dense, ComputeType::Float32, {}, way.most_bytes);
  const auto inputs = dense.prepared({batch});
  if (way.expects_again) inputs->expect_again();
  std::vector<std::unique_ptr<nn::Model>> held;
  std::vector<const nn::Model*> models;
  std::vector<Heard> wanted, found;
  for (const auto& mask : masks) {
    wanted.push_back(families::speech_model(*dense.compacted(mask))->hear(batch, rules, way.together));
    models.push_back(held.emplace_back(series.compacted(mask)).get());
  }
  const auto& listening = *families::speech_model(dense);
  if (way.at_once) {
    found = listening.hear_each(models, *inputs, rules, way.together);
  } else {
    for (const auto* model : models)
      found.push_back(listening.hear_each({&model, 1}, *inputs, rules, way.together).at(0));
  }
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < masks.size(); ++i) {
    expect_same(found[i], wanted[i],
                "mask " + std::to_string(i) + (way.at_once ? " at once, " : " alone, ") +
                    std::to_string(way.most_bytes) + " bytes");
  }
}

TEST(WhisperSeries, HearsWhatEachMaskHearsAlone) {
  at::manual_seed(3);
  const auto dense = shape.model();
  const auto masks = some_masks(*dense);
  std::int64_t end = 0;  // whatever a model likes to write, it ends some transcripts and not others
  for (const auto together : {Together::No, Together::Yes}) {
    for (const auto most_bytes : {plenty, std::int64_t{40'000}, std::int64_t{0}}) {
      for (const bool expects_again : {true, false}) {
        for (const bool at_once : {true, false}) {
          end = (end + 7) % 12;
          expect_masks_heard(*dense, masks, utterances(1 + end % 5), rules_of(30, end % 2 == 0, end),
                             {together, most_bytes, expects_again, at_once});
        }
      }
    }
  }
}

TEST(WhisperSeries, WritesAsManyTokensAsItMay) {
  at::manual_seed(4);
  const auto dense = shape.model();
  const auto masks = some_masks(*dense);
  for (const std::int64_t most_tokens : {1, 2, 7, 37}) {
    for (const bool detects : {false, true}) {
      for (const std::int64_t end : {3, 8}) {
        auto batch = utterances(7);
        if (end == 3) batch.labels = at::Tensor();
        expect_masks_heard(*dense, masks, batch, rules_of(most_tokens, detects, end), {.at_once = detects});
      }
    }
  }
}

TEST(WhisperSeries, NotesTheExampleThatIsNoNumber) {
  at::manual_seed(9);
  const auto dense = shape.model();
  auto batch = utterances(5);
  batch.inputs["input_features"][3].fill_(std::numeric_limits<float>::quiet_NaN());
  batch.labels = at::Tensor();
  expect_masks_heard(*dense, some_masks(*dense), batch, rules_of(20), {});
}

TEST(WhisperSeries, DoesNotDependOnTheOrderOfMasks) {
  at::manual_seed(10);
  const auto dense = shape.model();
  auto masks = some_masks(*dense);
  const auto batch = utterances(4);
  expect_masks_heard(*dense, masks, batch, rules_of(30), {.at_once = true});
  std::reverse(masks.begin(), masks.end());
  expect_masks_heard(*dense, masks, batch, rules_of(30), {.at_once = true});
}

// --- what is not computed again

class WhisperSkips : public testing::Test {
 protected:
  WhisperSkips() {
    at::manual_seed(11);
    dense = shape.model();
    batch = utterances(3);
    series = std::make_unique<nn::MaskSeries>(*dense, ComputeType::Float32, SoftmaxScale{}, plenty);
    inputs = dense->prepared({batch});
    inputs->expect_again();
  }

  std::int64_t skipped(const Mask& mask) const {
    const auto model = series->compacted(mask);
    const nn::Model* one = model.get();
    families::speech_model(*dense)->hear_each({&one, 1}, *inputs, rules_of(20), Together::No);
    return model->take_skipped();
  }
  // All of a pass over the references but what is told from the last states.
  std::int64_t before_the_head(const nn::Model& model) const {
    const auto tokens = batch.labels.size(1);
    return batch.size() * (model.multiply_adds(tokens) - tokens * shape.vocabulary * shape.width);
  }
  // Of these sites, without the head with this number.
  Mask without_head(SiteKind kind, std::int64_t which = 1) const {
    Mask mask(dense->sites());
    for (std::int64_t site = 0; site < mask.size(); ++site) {
      if (dense->sites()[static_cast<std::size_t>(site)].kind != kind) continue;
      for (const auto projection : all_projections) mask.site(site).of(projection)[which].fill_(false);
    }
    return mask;
  }

  std::unique_ptr<nn::Model> dense;
  Batch batch;
  std::unique_ptr<nn::MaskSeries> series;
  std::shared_ptr<const nn::PreparedInputs> inputs;
};

TEST_F(WhisperSkips, AllButTheVocabularyOfAMaskThatIsKnown) {
  EXPECT_EQ(skipped(Mask(dense->sites())), 0);
  EXPECT_EQ(skipped(Mask(dense->sites())), before_the_head(*dense));
  const auto mask = without_head(SiteKind::EncoderSelf);
  EXPECT_EQ(skipped(mask), 0);
  EXPECT_EQ(skipped(mask), before_the_head(*dense->compacted(mask)));
}

TEST_F(WhisperSkips, TheEncoderAndTheHeadsThatAreLeft) {
  skipped(Mask(dense->sites()));
  const auto positions = shape.positions, width = shape.width;
  // No tokens: the encoder, and keys and values of each cross-attention site.
  const auto self = without_head(SiteKind::DecoderSelf), cross = without_head(SiteKind::DecoderCross);
  const auto of_encoder = batch.size() * dense->compacted(cross)->multiply_adds(0);
  EXPECT_EQ(skipped(self), batch.size() * dense->multiply_adds(0));
  // Of the decoder the first self-attention has not changed, but the layer has.
  EXPECT_EQ(skipped(cross), of_encoder);
  EXPECT_EQ(of_encoder,
            batch.size() * (dense->multiply_adds(0) - shape.decoder_layers * positions * width * width / 2));
  // Other heads of the same sites are known as well.
  const auto another = without_head(SiteKind::DecoderCross, 3);
  EXPECT_EQ(skipped(another), batch.size() * dense->compacted(another)->multiply_adds(0));
}

TEST_F(WhisperSkips, NothingWhereInputsComeOnce) {
  inputs = dense->prepared({batch});
  EXPECT_EQ(skipped(Mask(dense->sites())), 0);
  EXPECT_EQ(skipped(Mask(dense->sites())), 0);
}

// --- losses without each unit

TEST(WhisperSeries, LosesWhatEachMaskLoses) {
  at::manual_seed(12);
  const auto dense = shape.model();
  const auto batch = utterances(5);
  const auto prunable = dense->prunable(nn::Loss{});
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::ProjectionChannel}) {
    const Units units(dense->sites(), granularity);
    const auto losses = prunable->losses_without_each(batch, units);  // [1 + units, examples]
    ASSERT_EQ(losses.size(0), 1 + units.count());
    EXPECT_TRUE(is_close(losses[0], dense->losses(batch), {1e-5, 1e-6}));
    for (std::int64_t unit = 0; unit < units.count(); ++unit) {
      auto kept = at::ones({units.count()}, at::kBool);
      kept[unit] = false;
      EXPECT_TRUE(is_close(losses[unit + 1], dense->masked(units.mask(kept))->losses(batch), {1e-5, 1e-6})) << unit;
    }
  }
}

}  // namespace
}  // namespace espalier::test
