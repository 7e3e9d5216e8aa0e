// Losses of speech: under the prompt that transformers' generate() would read, of every example that has one
// (tests/fixtures/speech/make_multilingual_golden.py).
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "families/speech.h"
#include "support/message_of.h"
#include "support/speaking.h"
#include "support/tensor_matchers.h"
#include "tasks/speech_task.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double parity = 2e-5;

Json golden() { return Json::parse(read_file(speaking_fixture / "golden.json")); }

void expect_prompts(const tasks::Split& split, const Json& prompts) {
  for (std::int64_t example = 0; example < split.examples->size(); ++example) {
    const auto ids = split.examples->batch({&example, 1}).inputs.at("decoder_input_ids");
    const auto prompt = prompts[static_cast<std::size_t>(example)].get<std::vector<std::int64_t>>();
    EXPECT_TRUE(is_close(ids[0].narrow(0, 0, static_cast<std::int64_t>(prompt.size())), at::tensor(prompt))) << example;
  }
}

void expect_losses(const nn::Model& model, const tasks::Split& split, const Json& expected, const char* what) {
  for (std::int64_t example = 0; example < split.examples->size(); ++example) {
    const auto found = model.losses(split.examples->batch({&example, 1})).item<double>();
    EXPECT_NEAR(found, expected[static_cast<std::size_t>(example)].get<double>(), parity) << what << ' ' << example;
  }
}

void expect_transcripts(const tasks::Evaluation& evaluation, const Json& expected, const char* what) {
  const auto& tokens = evaluation.outputs.at("tokens");
  for (std::int64_t example = 0; example < tokens.size(0); ++example) {
    auto ids = expected[static_cast<std::size_t>(example)].get<std::vector<std::int64_t>>();
    ids.resize(static_cast<std::size_t>(std::max<std::int64_t>(tokens.size(1), std::ssize(ids))), -1);
    EXPECT_TRUE(is_close(tokens[example], at::tensor(ids))) << what << ' ' << example;
  }
}

struct Prompting {
  const char* name;
  const char* language;
  bool forced;
};

class SpeechLosses : public testing::TestWithParam<Prompting> {};

TEST_P(SpeechLosses, EqualThoseOfTransformers) {
  Speaking speaking(GetParam().language, GetParam().forced);
  const auto expected = golden()[GetParam().name];
  const auto& split = speaking.split();
  const auto mask = speaking.mask();
  const auto masked = speaking.model->masked(mask), compacted = speaking.model->compacted(mask);

  expect_prompts(split, expected["prompts"]);
  expect_losses(*speaking.model, split, expected["losses"], "dense");
  expect_losses(*masked, split, expected["losses_masked"], "masked");
  expect_losses(*compacted, split, expected["losses_masked"], "compacted");
  const auto dense = speaking.task().evaluate(*speaking.model, split);
  EXPECT_NEAR(dense.metrics.at("cross_entropy"), expected["cross_entropy"].get<double>(), parity);
  const auto pruned = speaking.task().evaluate(*compacted, split);
  for (std::size_t i = 0; i < expected["losses_masked"].size(); ++i) {
    EXPECT_NEAR(pruned.outputs.at("losses")[static_cast<std::int64_t>(i)].item<double>(),
                expected["losses_masked"][i].get<double>(), parity);
  }
  // Each model writes as generate() does, which asks the model itself for the language.
  expect_transcripts(dense, expected["generated"], "dense");
  expect_transcripts(pruned, expected["generated_masked"], "compacted");
}

TEST_P(SpeechLosses, AreWhatScorersAndTrainingSee) {
  Speaking speaking(GetParam().language, GetParam().forced);
  const auto expected = golden()[GetParam().name];
  const auto& split = speaking.split();
  tasks::ScoringBatches batches(&split, *speaking.model, {}, PluginDescription{});
  std::int64_t seen = 0;
  while (const auto batch = batches.next()) {
    const auto losses = speaking.model->losses(*batch);
    for (std::size_t i = 0; i < batch->rows.size(); ++i, ++seen) {
      EXPECT_NEAR(losses[static_cast<std::int64_t>(i)].item<double>(),
                  expected["losses"][static_cast<std::size_t>(batch->rows[i])].get<double>(), parity);
    }
  }
  EXPECT_EQ(seen, 6);
  std::vector<data::Rows> step;
  for (const auto& rows : data::bucketed(*split.examples, 8)) step.push_back(rows);
  static const TrainSettings plain;
  Random random(1);
  const auto loss = speaking.task().training_loss(*speaking.model, split, step, {plain}, random);
  EXPECT_NEAR(loss.item<double>(), expected["cross_entropy"].get<double>(), parity);
}

INSTANTIATE_TEST_SUITE_P(Prompts, SpeechLosses,
                         testing::Values(Prompting{"given", "fr", false}, Prompting{"open", "", false},
                                         Prompting{"forced", "", true}),
                         [](const auto& named) { return std::string(named.param.name); });

TEST(SpokenLanguages, AreThoseThatTransformersDetects) {
  Speaking speaking;
  const auto rules = families::decoding_rules(speaking.folder / "model", "", "", 0);
  const auto expected = golden();
  const auto& split = speaking.split();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(split.examples->size()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  const auto features = split.examples->batch(rows).inputs.at("input_features");

  EXPECT_EQ(Json(families::speech_model(*speaking.model)->languages(features, rules)), expected["detected"]);
  const auto pruned = speaking.model->compacted(speaking.mask());
  EXPECT_EQ(Json(families::speech_model(*pruned)->languages(features, rules)), expected["detected_masked"]);
}

// Found once: what another process finds is what was kept, also where the model is not at hand.
TEST(SpokenLanguages, AreDetectedOnce) {
  Speaking speaking;
  const auto& split = speaking.split();
  EXPECT_TRUE(speaking.was_said("detecting the language of 6 utterances"));
  std::vector<std::string> said;
  const auto again =
      tasks::make_task(speaking.dataset, (speaking.folder / "model").string(), {}, speaking.digests,
                       speaking.folder / "cache", {[&](const std::string& line) { said.push_back(line); }});
  expect_prompts(again->split("test"), golden()["open"]["prompts"]);
  EXPECT_TRUE(said.empty()) << said.at(0);
  EXPECT_EQ(again->split("test").digest, split.digest);
  // A damaged file is not believed, and a task that holds no model reads the checkpoint's.
  for (const auto& entry : fs::directory_iterator(speaking.folder / "cache/languages"))
    write_file(entry.path(), R"({"languages": [32, 33, 34, 35, -1, 32]})");
  const auto third = tasks::make_task(speaking.dataset, (speaking.folder / "model").string(), {}, speaking.digests,
                                      speaking.folder / "cache", {});
  expect_prompts(third->split("test"), golden()["open"]["prompts"]);
}

// Two checkpoints may hear other languages in equal sounds.
TEST(SpokenLanguages, BelongToTheDigestOfTheSplit) {
  Speaking one, other, given("fr"), given_other("fr");
  for (auto* speaking : {&other, &given_other}) {
    auto config = Json::parse(read_file(speaking->folder / "model/config.json"));
    config["dropout"] = 0.25;
    speaking->folder.write("model/config.json", config.dump());
  }
  EXPECT_NE(one.task().split_digest("test"), other.task().split_digest("test"));
  EXPECT_EQ(given.task().split_digest("test"), given_other.task().split_digest("test"));
}

TEST(SpeechInputs, RefuseATokenThatIsNone) {
  Speaking speaking;
  const std::int64_t first = 0;
  auto batch = speaking.split().examples->batch({&first, 1});
  batch.inputs.at("decoder_input_ids")[0][1] = -1;
  const auto message = message_of<InputError>([&] { speaking.model->losses(batch); });
  EXPECT_EQ(message, "input decoder_input_ids holds -1, expected numbers from 0 to 49 (vocab_size)");
}

// --- sounds in chunks

// The transcript of all of a sound is not what is said in its first window.
TEST(SoundsInChunks, AreNotAskedForTheirWholeTranscript) {
  Speaking speaking;
  speaking.with_a_long_sound();
  const std::int64_t first = 0;
  const auto batch = speaking.split().examples->batch({&first, 1});
  EXPECT_EQ(batch.inputs.at("decoder_input_ids").size(1), 3);  // the prompt
  EXPECT_EQ(batch.labels.ne(-100).sum().item<std::int64_t>(), 1);
}

TEST(SpeechFeatures, ThatDoNotFitTheirModelAreNamedByFileAndKey) {
  Speaking speaking;
  auto json = Json::parse(read_file(speaking.folder / "model/preprocessor_config.json"));
  json["feature_size"] = 80;
  json["chunk_length"] = 30;
  speaking.folder.write("model/preprocessor_config.json", json.dump());
  const auto own = (speaking.folder / "model/preprocessor_config.json").string();
  const auto model = (speaking.folder / "model/config.json").string();
  EXPECT_EQ(
      message_of<InputError>([&] { speaking.split(); }),
      own + ": feature_size is 80, and num_mel_bins of " + model + " takes 8\n" + own +
          ": chunk_length * sampling_rate / hop_length is 600, and 2 * max_source_positions of " + model +
          " takes 20\n    expected the preprocessor_config.json that belongs to the model: features have one size");
}

// --- what generate() would do otherwise

TEST(GenerationSettings, ThatWouldChangeTranscriptsAreRefusedTogether) {
  Speaking speaking;
  const auto file = speaking.folder / "model/generation_config.json";
  const auto plain = Json::parse(read_file(file));
  const auto rules = [&](const Json& more) {
    auto json = plain;
    json.update(more);
    speaking.folder.write("model/generation_config.json", json.dump());
    return families::decoding_rules(speaking.folder / "model", "", "", 0);
  };
  // What greedy decoding does not look at, and what says that nothing is to be changed.
  const Json harmless = {{"temperature", 0.3},         {"top_k", 3},
                         {"length_penalty", 2.0},      {"num_beams", 1},
                         {"do_sample", false},         {"repetition_penalty", 1.0},
                         {"no_repeat_ngram_size", 0},  {"bad_words_ids", nullptr},
                         {"return_timestamps", false}, {"encoder_repetition_penalty", 2.0}};
  EXPECT_EQ(rules(harmless).prompt, rules(Json::object()).prompt);
  const std::vector<std::pair<const char*, Json>> refused = {
      {"do_sample", true},         {"num_beams", 5},
      {"repetition_penalty", 1.2}, {"no_repeat_ngram_size", 3},
      {"bad_words_ids", {{43}}},   {"return_timestamps", true},
      {"min_length", 4},           {"min_new_tokens", 4},
      {"forced_eos_token_id", 30}, {"sequence_bias", {{{43}, -1.0}}},
      {"no_speech_threshold", 0.6}};
  for (const auto& [key, value] : refused) {
    const auto message = message_of<InputError>([&] { rules({{key, value}}); });
    EXPECT_TRUE(message.starts_with(file.string() + ": asks for what would change transcripts and is not done: " + key +
                                    " " + value.dump()))
        << message;
  }
  EXPECT_EQ(
      message_of<InputError>([&] {
        rules({{"num_beams", 5}, {"do_sample", true}});
      }),
      file.string() +
          ": asks for what would change transcripts and is not done: do_sample true, num_beams 5\n    transcripts are "
          "written greedily and without timestamps, as under do_sample false, num_beams 1: write that into a copy of "
          "the checkpoint");
}

}  // namespace
}  // namespace espalier::test
