// Whisper's transcripts along drafts: whatever these say, what is written is what token by token is written.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "tiny_whisper.h"
#include "whisper/whisper_checkpoint.h"
#include "whisper/whisper_drafts.h"
#include "whisper/whisper_pass.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

using families::Draft;
using families::DraftedTranscripts;
using families::Transcription;

class Drafts : public testing::Test {
 protected:
  static constexpr std::int64_t examples = 6;

  Drafts() {
    at::manual_seed(21);
    shape.write(folder.path());
    const auto json = nlohmann::ordered_json::parse(read_file(folder / "config.json"));
    config = families::whisper_config(folder / "config.json", json);
    weights = families::whisper_checkpoint(folder / "model.safetensors", config).weights;
    rules.prompt = {5, 8, 3};
    rules.suppressed = {1, 9};
    rules.suppressed_at_begin = {4};
    rules.most_tokens = 30;
  }

  std::vector<families::HeldMemory> memories() const {
    const at::NoGradGuard no_gradients;
    return {families::whisper_memory(weights, families::whisper_encode(weights, config, features), examples)};
  }
  std::vector<Transcription> step_by_step() const {
    const at::NoGradGuard no_gradients;
    return families::whisper_transcribe(weights, config, memories(), rules, 1);
  }
  std::vector<std::vector<Draft>> drafts_of(const std::vector<Transcription>& written) const {
    std::vector<std::vector<Draft>> drafts;
    for (const auto& one : written) {
      auto& draft = drafts.emplace_back(1, one.tokens).front();
      if (!one.cut) draft.push_back(rules.end);
    }
    return drafts;
  }
  // What several models write side by side, each along drafts of its own; and in how many rounds.
  std::vector<std::optional<std::vector<Transcription>>> along(
      const std::vector<std::vector<std::vector<Draft>>>& drafts) {
    const at::NoGradGuard no_gradients;
    std::vector<std::optional<std::vector<Transcription>>> all(drafts.size());
    families::WritingTogether writing(weights, rules);
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      writing.add(DraftedTranscripts(weights, config, memories(), rules, drafts[i]),
                  [&all, i](std::optional<std::vector<Transcription>> written) { all[i] = std::move(written); });
    }
    EXPECT_EQ(writing.held_bytes(), std::ssize(drafts) * examples * families::whisper_memory_bytes(weights, config));
    for (rounds = 0; !writing.is_idle(); ++rounds) writing.go_on();
    return all;
  }
  static void expect_same(const std::optional<std::vector<Transcription>>& found,
                          const std::vector<Transcription>& wanted) {
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ((*found)[i].tokens, wanted[i].tokens) << i;
      EXPECT_EQ((*found)[i].cut, wanted[i].cut) << i;
      EXPECT_TRUE((*found)[i].finite) << i;
    }
  }

  const TinyWhisper shape{.width = 16, .heads = 4, .vocabulary = 12, .most_tokens = 40};
  const TempDir folder;
  families::WhisperConfig config;
  families::WhisperWeights weights;
  families::DecodingRules rules;
  at::Tensor features = at::randn({examples, 4, 12}) * 3;
  int rounds = 0;
};

TEST_F(Drafts, ThatAreRightAreTakenAtOnce) {
  for (std::int64_t end = 0; end < shape.vocabulary; ++end) {
    rules.end = end;
    const auto wanted = step_by_step();
    expect_same(along({drafts_of(wanted)}).at(0), wanted);
    EXPECT_EQ(rounds, 1) << end;
  }
}

TEST_F(Drafts, DecideNothing) {
  for (std::int64_t end = 0; end < shape.vocabulary; ++end) {
    rules.end = end;
    const auto wanted = step_by_step();
    const auto right = drafts_of(wanted);
    std::vector<std::vector<std::vector<Draft>>> all = {right};
    all.emplace_back(static_cast<std::size_t>(examples));  // none
    for (int i = 0; i < 12; ++i) {
      auto& drafts = all.emplace_back(static_cast<std::size_t>(examples));
      for (std::size_t example = 0; example < drafts.size(); ++example) {
        for (int number = 0; number < i % 4; ++number) {
          // Right up to some token, or of another example, or anything.
          auto draft = right[(example + static_cast<std::size_t>(number)) % right.size()].at(0);
          for (auto& token : draft)
            token = at::rand({1}).item<double>() < 0.2 ? at::randint(12, {1}).item<std::int64_t>() : token;
          drafts[example].push_back(std::move(draft));
        }
      }
    }
    for (const auto& found : along(all)) expect_same(found, wanted);
  }
}

TEST_F(Drafts, LeaveOpenWhatIsNearlyEquallyLikely) {
  rules.end = 10;
  const auto wanted = step_by_step();
  std::int64_t token = -1;
  for (const auto& one : wanted) {
    if (!one.tokens.empty()) token = one.tokens[0];
  }
  ASSERT_GE(token, 0);
  // Another token that is as likely wherever this one is.
  weights.head = weights.tokens.clone();
  weights.head[0] = weights.head[token] * (1 + 1e-7);
  EXPECT_FALSE(along({drafts_of(wanted)}).at(0));
  weights.head = at::Tensor();
  features[2].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(along({drafts_of(wanted)}).at(0));
}

}  // namespace
}  // namespace espalier::test
