// Whisper's examples computed together, as on a GPU, and one by one, as on a CPU: what is heard is the same.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <families/speech.h>
#include <gtest/gtest.h>

#include <limits>

#include "families/tiny_whisper.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

using families::Together;

// A Whisper whose transcripts end early, late or not at all.
std::unique_ptr<nn::Model> whisper(std::int64_t width = 16, std::int64_t heads = 4) {
  return TinyWhisper{.width = width, .heads = heads, .vocabulary = 12, .most_tokens = 40}.model();
}

Mask random_mask(const std::vector<Site>& sites, double kept) {
  Mask mask(sites);
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    for (auto& part : mask.site(site).kept) part = at::rand(part.sizes()) < kept;
  }
  return mask;
}

// A head without QK channels in each site, and one cross-attention and one self-attention without any head.
Mask hollow_mask(const std::vector<Site>& sites) {
  Mask mask(sites);
  bool has_cross = false, has_self = false;
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    mask.site(site).of(Projection::Q)[0].fill_(false);
    const auto kind = sites[static_cast<std::size_t>(site)].kind;
    auto& seen = kind == SiteKind::DecoderCross ? has_cross : has_self;
    if (kind == SiteKind::EncoderSelf || seen) continue;
    seen = true;
    mask.site(site).of(Projection::V).fill_(false);
  }
  return mask;
}

Batch batch_of(std::int64_t examples, std::int64_t tokens) {
  Batch batch;
  batch.inputs["input_features"] = at::randn({examples, 4, 12}) * 3;
  batch.inputs["decoder_input_ids"] = at::randint(12, {examples, tokens}, at::kLong);
  batch.labels = at::randint(12, {examples, tokens}, at::kLong);
  batch.labels.masked_fill_(at::rand(batch.labels.sizes()) < 0.4, -100);
  batch.labels.select(1, 0).fill_(3);  // every example has a label
  for (std::int64_t row = 0; row < examples; ++row) batch.rows.push_back(row);
  return batch;
}

// How often each thing was seen: a test that never meets it proves nothing of it.
struct Seen {
  int empty = 0, cut = 0, ended = 0, long_ones = 0;
};

void expect_same(const nn::Model& model, const Batch& batch, const DecodingRules& rules, Seen& seen) {
  const auto& speech = *families::speech_model(model);
  const auto one = speech.hear(batch, rules, Together::No), all = speech.hear(batch, rules, Together::Yes);
  ASSERT_EQ(all.transcriptions.size(), one.transcriptions.size());
  for (std::size_t i = 0; i < one.transcriptions.size(); ++i) {
    const auto &found = all.transcriptions[i], &wanted = one.transcriptions[i];
    EXPECT_EQ(found.tokens, wanted.tokens) << "example " << i << " of " << batch.size();
    EXPECT_EQ(found.cut, wanted.cut) << "example " << i;
    EXPECT_EQ(found.finite, wanted.finite) << "example " << i;
    seen.empty += wanted.tokens.empty() ? 1 : 0;
    (wanted.cut ? seen.cut : seen.ended) += 1;
    seen.long_ones += std::ssize(wanted.tokens) > 8 ? 1 : 0;
  }
  EXPECT_EQ(all.losses.defined(), batch.labels.defined());
  if (batch.labels.defined()) {
    EXPECT_TRUE(is_close(all.losses, one.losses, {1e-4, 1e-5}));
  }
  if (rules.detects_language()) {
    const auto& features = batch.inputs.at("input_features");
    EXPECT_EQ(speech.languages(features, rules, Together::Yes), speech.languages(features, rules, Together::No));
  }
}

TEST(WhisperTogether, HearsWhatItHearsOneByOne) {
  at::manual_seed(7);
  const auto dense = whisper();
  const auto& sites = dense->sites();
  std::vector<std::unique_ptr<nn::Model>> models;
  models.push_back(dense->masked(random_mask(sites, 0.7)));
  models.push_back(dense->compacted(random_mask(sites, 0.6)));
  models.push_back(dense->compacted(random_mask(sites, 0.2)));
  models.push_back(dense->compacted(hollow_mask(sites)));
  models.push_back(whisper(24, 3));
  Seen seen;
  std::int64_t end = 0;  // whatever a model likes to write, it ends some transcripts and not others
  for (const auto& model : models) {
    for (const std::int64_t most_tokens : {1, 7, 8, 9, 16, 37}) {
      for (const bool detects : {false, true}) {
        for (const std::int64_t examples : {1, 2, 11}) {
          end = (end + 7) % 12;
          expect_same(*model, batch_of(examples, 1 + most_tokens % 5), rules_of(most_tokens, detects, end), seen);
        }
      }
    }
  }
  EXPECT_GT(seen.empty, 0);
  EXPECT_GT(seen.cut, 0);
  EXPECT_GT(seen.ended, 0);
  EXPECT_GT(seen.long_ones, 0);
}

TEST(WhisperTogether, DoesNotDependOnTheBatch) {
  at::manual_seed(8);
  const auto model = whisper();
  const auto rules = rules_of(30, /*detects=*/true);
  const auto& speech = *families::speech_model(*model);
  const auto batch = batch_of(9, 4);
  const auto all = speech.hear(batch, rules, Together::Yes);
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    Batch alone;
    alone.inputs["input_features"] = batch.inputs.at("input_features").narrow(0, row, 1);
    alone.rows = {row};
    const auto heard = speech.hear(alone, rules, Together::Yes);
    EXPECT_EQ(heard.transcriptions.at(0).tokens, all.transcriptions[static_cast<std::size_t>(row)].tokens);
    EXPECT_FALSE(heard.losses.defined());
  }
}

TEST(WhisperTogether, NotesTheExampleThatIsNoNumber) {
  at::manual_seed(9);
  const auto model = whisper();
  auto batch = batch_of(5, 3);
  batch.inputs["input_features"][3].fill_(std::numeric_limits<float>::quiet_NaN());
  batch.labels = at::Tensor();
  Seen seen;
  expect_same(*model, batch, rules_of(20, /*detects=*/false), seen);
  const auto heard = families::speech_model(*model)->hear(batch, rules_of(20, false), Together::Yes);
  for (std::size_t i = 0; i < heard.transcriptions.size(); ++i) EXPECT_EQ(heard.transcriptions[i].finite, i != 3);
}

}  // namespace
}  // namespace espalier::test
