// AST and Whisper: outputs and token ids equal those of transformers 4.57.6, dense and with zeroed weights
// (tests/fixtures/nn/audio/make_golden.py); decoding, pruning and scoring against plain computations.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <espalier/error.h>
#include <families/families.h>
#include <families/speech.h>
#include <gtest/gtest.h>
#include <nn/mask_file.h>
#include <nn/model.h>
#include <nn/network.h>
#include <nn/safetensors.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

const std::filesystem::path audio_fixtures = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/nn/audio";
constexpr Tolerance audio_parity{0, 1e-5};

std::map<std::string, at::Tensor> inputs_of(const nn::TensorFile& golden) {
  std::map<std::string, at::Tensor> inputs;
  for (const auto& [name, tensor] : golden.tensors) {
    if (name.starts_with("input.")) inputs[name.substr(6)] = tensor;
  }
  return inputs;
}

Mask random_mask(const std::vector<Site>& sites, double kept, std::uint64_t seed) {
  at::manual_seed(seed);
  Mask mask(sites);
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    for (auto& part : mask.site(site).kept) part = at::rand(part.sizes()) < kept;
  }
  return mask;
}

class AudioParity : public testing::TestWithParam<const char*> {
 protected:
  AudioParity() { at::set_num_threads(1); }
  const std::filesystem::path folder = audio_fixtures / GetParam();
  const nn::TensorFile golden = nn::read_safetensors(folder / "golden.safetensors");
  const std::unique_ptr<nn::Model> model = families::read_model(folder);
  const std::map<std::string, at::Tensor> inputs = inputs_of(golden);
  const std::string output = GetParam() == std::string("ast_headless") ? "last_hidden_state" : "logits";

  at::Tensor output_of(const nn::Model& computing) const { return computing.outputs(inputs).at(output); }

  // The golden inputs as a batch with labels; in float64 where asked.
  Batch batch(at::ScalarType type = at::kFloat) const {
    Batch made;
    made.inputs = inputs;
    for (auto& [name, tensor] : made.inputs) {
      if (tensor.is_floating_point()) tensor = tensor.to(type);
    }
    const auto examples = inputs.begin()->second.size(0);
    for (std::int64_t row = 0; row < examples; ++row) made.rows.push_back(row);
    if (const auto ids = inputs.find("decoder_input_ids"); ids != inputs.end()) {
      made.labels = at::cat({ids->second.narrow(1, 1, 5), at::full({examples, 1}, 3)}, 1);  // [B, T]
      made.labels[0][0] = -100;
      made.labels[1].narrow(0, 3, 3).fill_(-100);
    } else {
      made.labels = at::arange(examples).remainder(3);
    }
    return made;
  }
};

TEST_P(AudioParity, OutputsEqualThoseOfTransformers) {
  const auto mask = nn::read_mask(folder / "mask.safetensors", model->sites());

  EXPECT_TRUE(is_close(output_of(*model), golden.tensors.at("dense"), audio_parity));
  EXPECT_TRUE(is_close(output_of(*model->masked(mask)), golden.tensors.at("masked"), audio_parity));
  EXPECT_TRUE(is_close(output_of(*model->compacted(mask)), golden.tensors.at("masked"), audio_parity));
}

TEST_P(AudioParity, CompactedEqualsMaskedWhateverIsLeft) {
  const auto exact = nn::converted(*model, at::kDouble);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    auto mask = random_mask(model->sites(), 0.15 + 0.15 * static_cast<double>(seed), seed);
    for (auto& part : mask.site(static_cast<std::int64_t>(seed) % mask.size()).kept) {
      if (seed % 2 == 0) part.zero_();  // a site without any head
    }
    EXPECT_TRUE(is_close(output_of(*exact->compacted(mask)), output_of(*exact->masked(mask)), {0, 1e-10})) << seed;
  }
}

// What a model saves is what its sites save, and nothing else.
TEST_P(AudioParity, OperationsOfSitesAddUp) {
  constexpr std::int64_t tokens = 5;
  const auto compacted = model->compacted(random_mask(model->sites(), 0.5, 4));
  const auto before = model->site_operations(tokens), after = compacted->site_operations(tokens);
  ASSERT_EQ(before.size(), model->sites().size());
  ASSERT_EQ(after.size(), before.size());
  std::int64_t saved = 0;
  for (std::size_t site = 0; site < before.size(); ++site) {
    EXPECT_GE(before[site].flops(), after[site].flops());
    saved += before[site].flops() - after[site].flops();
  }
  EXPECT_GT(saved, 0);
  EXPECT_EQ(model->operations(tokens).flops() - compacted->operations(tokens).flops(), saved);
}

TEST_P(AudioParity, SavedModelsComeBack) {
  const TempDir saved;
  const auto mask = random_mask(model->sites(), 0.5, 3);
  std::filesystem::create_directory(saved / "compact");
  std::filesystem::create_directory(saved / "masked");
  const auto compacted = model->compacted(mask);
  compacted->save(saved / "compact");
  model->masked(mask)->save(saved / "masked");

  EXPECT_TRUE(is_close(output_of(*families::read_model(saved / "compact")), output_of(*compacted), {0, 0}));
  EXPECT_TRUE(is_close(output_of(*families::read_model(saved / "masked")), output_of(*model->masked(mask)), {0, 0}));
  EXPECT_EQ(families::read_model(saved / "compact")->parameter_count(), compacted->parameter_count());
}

TEST_P(AudioParity, ParametersAreCountedOnce) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : nn::read_safetensors(folder / "model.safetensors").tensors) count += tensor.numel();
  EXPECT_EQ(model->parameter_count(), count);
  const auto mask = random_mask(model->sites(), 0.5, 8);
  const auto sites = count_parameters(model->sites(), mask.closure(), false);
  EXPECT_EQ(model->compacted(mask)->parameter_count(), count - (sites.dense - sites.kept));
}

TEST_P(AudioParity, GatesAgreeWithFiniteDifferences) {
  if (output != "logits") GTEST_SKIP() << "a headless model has no loss";
  constexpr double step = 1e-5;
  const auto exact = nn::converted(*model, at::kDouble);
  const auto prunable = exact->prunable();
  const auto some = batch(at::kDouble);
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel}) {
    const Units units(exact->sites(), granularity);
    const auto gates = prunable->open_gates({units.count()});
    EXPECT_TRUE(is_close(prunable->losses(some, units, gates), exact->losses(some), {0, 1e-12}));
    const auto gradient = torch::autograd::grad({prunable->losses(some, units, gates).sum()}, {gates})[0];
    for (std::int64_t unit = 0; unit < units.count(); unit += 5) {
      const auto loss = [&](double offset) {
        auto moved = prunable->open_gates({units.count()}).detach();
        moved[unit] += offset;
        return prunable->losses(some, units, moved).sum().item<double>();
      };
      EXPECT_NEAR(gradient[unit].item<double>(), (loss(step) - loss(-step)) / (2 * step), 1e-6)
          << to_string(granularity) << " unit " << unit;
    }
  }
}

TEST_P(AudioParity, PerSampleSquaresEqualALoopOverSingleExamples) {
  if (output != "logits") GTEST_SKIP() << "a headless model has no loss";
  const auto exact = nn::converted(*model, at::kDouble);
  const auto prunable = exact->prunable();
  const auto all = batch(at::kDouble);
  const Units units(exact->sites(), Granularity::ProjectionChannel);
  auto sums = at::zeros({units.count()}, at::kDouble);
  for (const auto row : all.rows) {
    Batch one;
    for (const auto& [name, tensor] : all.inputs) one.inputs[name] = tensor.narrow(0, row, 1);
    one.labels = all.labels.narrow(0, row, 1);
    one.rows = {row};
    sums += prunable->squared_gradients(one, units, Squares::PerBatch);
  }
  EXPECT_TRUE(is_close(prunable->squared_gradients(all, units, Squares::PerSample), sums, {1e-9, 1e-12}));
}

TEST_P(AudioParity, ObservesWhatSitesCompute) {
  const auto exact = nn::converted(*model, at::kDouble);
  const auto some = batch(at::kDouble);
  const auto inputs_of_sites = exact->site_inputs(some);
  std::int64_t seen = 0;
  exact->prunable()->observe(some, [&](std::int64_t site, const SiteActivity& activity) {
    EXPECT_EQ(site, seen++);
    EXPECT_TRUE(is_close(activity.attention.sum(-1), at::ones_like(activity.attention.select(-1, 0)), {0, 1e-12}));
    if (exact->sites()[static_cast<std::size_t>(site)].kind == SiteKind::DecoderSelf) {
      EXPECT_EQ(activity.attention.triu(1).abs().max().item<double>(), 0);
    }
    EXPECT_TRUE(is_close(activity.output, exact->site_output(site, inputs_of_sites[static_cast<std::size_t>(site)]),
                         {0, 1e-10}));
    EXPECT_EQ(activity.residual.sizes(), activity.hidden.sizes());
  });
  EXPECT_EQ(seen, static_cast<std::int64_t>(exact->sites().size()));
}

// Biases that a checkpoint lacks stand in a fused tensor as zeros; training must leave them there.
TEST_P(AudioParity, FixesBiasesThatTheCheckpointLacks) {
  std::int64_t fixed = 0, absent = 0;
  for (const auto& parameter : model->parameters()) {
    if (!parameter.fixed.defined()) continue;
    EXPECT_EQ(parameter.tensor.masked_select(parameter.fixed).abs().max().item<double>(), 0) << parameter.name;
    fixed += parameter.fixed.sum().item<std::int64_t>();
  }
  for (const auto& site : model->sites()) {
    const bool any = site.has_bias[0] || site.has_bias[1] || site.has_bias[2];
    for (std::size_t i = 0; any && i < 3; ++i) absent += site.has_bias[i] ? 0 : site.heads * site.head_dim;
  }
  EXPECT_EQ(fixed, absent);
}

TEST_P(AudioParity, ASiteAloneComputesWhatItDoesInTheModel) {
  const auto inputs_of_sites = model->site_inputs(batch());
  ASSERT_EQ(inputs_of_sites.size(), model->sites().size());
  const auto mask = random_mask(model->sites(), 0.5, 5);
  const auto masked = model->masked(mask), compacted = model->compacted(mask);
  for (std::size_t i = 0; i < inputs_of_sites.size(); ++i) {
    const auto site = static_cast<std::int64_t>(i);
    EXPECT_EQ(inputs_of_sites[i].memory.defined(), model->sites()[i].kind == SiteKind::DecoderCross);
    EXPECT_EQ(inputs_of_sites[i].causal, model->sites()[i].kind == SiteKind::DecoderSelf);
    EXPECT_TRUE(is_close(compacted->site_output(site, inputs_of_sites[i]),
                         masked->site_output(site, inputs_of_sites[i]), {0, 1e-5}));
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, AudioParity,
                         testing::Values("ast_no_bias", "ast_relu", "ast_headless", "whisper_odd", "whisper_untied"),
                         [](const auto& checkpoint) { return std::string(checkpoint.param); });

// --- Whisper alone

class WhisperDecoding : public testing::TestWithParam<const char*> {
 protected:
  const std::filesystem::path folder = audio_fixtures / GetParam();
  const nn::TensorFile golden = nn::read_safetensors(folder / "golden.safetensors");
  const std::unique_ptr<nn::Model> model = families::read_model(folder);
  const families::DecodingRules rules = families::decoding_rules(folder, "", "", 9);

  Batch features(std::int64_t begin, std::int64_t count) const {
    Batch batch;
    batch.inputs["input_features"] = golden.tensors.at("input.input_features").narrow(0, begin, count);
    return batch;
  }
  std::vector<families::Transcription> transcribed(const nn::Model& hearing, const Batch& batch) const {
    return families::speech_model(hearing)->hear(batch, rules).transcriptions;
  }
  void expect(const std::vector<families::Transcription>& found, const at::Tensor& ids) const {
    ASSERT_EQ(static_cast<std::int64_t>(found.size()), ids.size(0));
    for (std::size_t row = 0; row < found.size(); ++row) {
      std::vector<std::int64_t> wanted;
      for (std::int64_t place = 0; place < ids.size(1); ++place) {
        const auto id = ids[static_cast<std::int64_t>(row)][place].item<std::int64_t>();
        if (id >= 0) wanted.push_back(id);
      }
      EXPECT_EQ(found[row].tokens, wanted) << "row " << row;
      EXPECT_EQ(found[row].cut, static_cast<std::int64_t>(wanted.size()) == ids.size(1)) << "row " << row;
    }
  }
};

TEST_P(WhisperDecoding, GivesTheIdsOfGenerate) {
  const auto mask = nn::read_mask(folder / "mask.safetensors", model->sites());

  expect(transcribed(*model, features(0, 5)), golden.tensors.at("generated"));
  expect(transcribed(*model->masked(mask), features(0, 5)), golden.tensors.at("generated_masked"));
  expect(transcribed(*model->compacted(mask), features(0, 5)), golden.tensors.at("generated_masked"));
}

TEST_P(WhisperDecoding, DoesNotDependOnTheBatch) {
  for (std::int64_t row = 0; row < 5; ++row) {
    expect(transcribed(*model, features(row, 1)), golden.tensors.at("generated").narrow(0, row, 1));
  }
}

// Without a cache: the whole sequence is computed anew for each token.
TEST_P(WhisperDecoding, EqualsTheLongWay) {
  const auto mask = random_mask(model->sites(), 0.6, 2);
  const auto compacted = model->compacted(mask);
  const auto batch = features(0, 1);
  std::vector<std::int64_t> ids = rules.prompt;
  std::vector<std::int64_t> wanted;
  while (static_cast<std::int64_t>(wanted.size()) < rules.most_tokens) {
    auto inputs = batch.inputs;
    inputs["decoder_input_ids"] = at::tensor(ids, at::kLong).unsqueeze(0);
    auto logits = compacted->outputs(inputs).at("logits").select(0, 0).select(0, -1).clone();
    auto never = rules.suppressed;
    if (wanted.empty()) never.insert(never.end(), rules.suppressed_at_begin.begin(), rules.suppressed_at_begin.end());
    for (const auto token : never) logits[token] = -1e30;
    const auto next = logits.argmax().item<std::int64_t>();
    if (next == rules.end) break;
    ids.push_back(next);
    wanted.push_back(next);
  }
  EXPECT_EQ(transcribed(*compacted, batch)[0].tokens, wanted);
}

TEST_P(WhisperDecoding, ScoresItsReferenceFromTheSamePass) {
  auto batch = features(0, 3);
  batch.inputs["decoder_input_ids"] = golden.tensors.at("input.decoder_input_ids").narrow(0, 0, 3);
  batch.labels = batch.inputs["decoder_input_ids"].roll(-1, 1);
  batch.labels[1].narrow(0, 2, 4).fill_(-100);
  batch.rows = {0, 1, 2};

  const auto heard = families::speech_model(*model)->hear(batch, rules);

  const auto logits = model->outputs(batch.inputs).at("logits").log_softmax(-1);  // [B, T, V]
  for (std::int64_t row = 0; row < 3; ++row) {
    double sum = 0;
    const std::int64_t count = row == 1 ? 2 : 6;
    for (std::int64_t place = 0; place < count; ++place)
      sum -= logits[row][place][batch.labels[row][place].item<std::int64_t>()].item<double>();
    EXPECT_NEAR(heard.losses[row].item<double>(), sum / static_cast<double>(count), 1e-5);
  }
  EXPECT_TRUE(is_close(model->losses(batch), heard.losses, {0, 1e-5}));
  EXPECT_EQ(model->logits({&batch, 1}).sizes(), at::IntArrayRef({14, logits.size(2)}));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, WhisperDecoding, testing::Values("whisper_odd", "whisper_untied"),
                         [](const auto& checkpoint) { return std::string(checkpoint.param); });

// --- messages

TEST(AudioInputs, ThatDoNotFitAreNamed) {
  const auto ast = families::read_model(audio_fixtures / "ast_relu"),
             whisper = families::read_model(audio_fixtures / "whisper_odd");
  const auto says = [](const nn::Model& model, std::map<std::string, at::Tensor> inputs) {
    return message_of<InputError>([&] { model.outputs(inputs); });
  };
  EXPECT_EQ(
      says(*ast, {{"input_values", at::zeros({1, 21, 8})}}),
      "input input_values has shape [1, 21, 8], expected [examples, 20, 8] (max_length, num_mel_bins)\n"
      "    position embeddings are not interpolated: give features of 20 frames, or a checkpoint trained for that "
      "length");
  EXPECT_EQ(says(*ast, {}), "input input_values is missing");
  EXPECT_EQ(says(*ast, {{"input_values", at::zeros({1, 20, 8}, at::kLong)}}),
            "input input_values has dtype Long, expected F32");
  EXPECT_EQ(says(*whisper, {{"input_features", at::zeros({1, 6, 23})}}),
            "input input_features has 23 frames, the model takes 24 (2 * max_source_positions)\n"
            "    fill shorter sounds with silence before the log-mel features, and cut longer ones");
  EXPECT_EQ(says(*whisper,
                 {{"input_features", at::zeros({1, 6, 24})}, {"decoder_input_ids", at::full({1, 2}, 50, at::kLong)}}),
            "input decoder_input_ids holds 50, expected numbers from 0 to 49 (vocab_size)");
  EXPECT_EQ(
      says(*whisper, {{"input_features", at::zeros({1, 6, 24})}, {"decoder_input_ids", at::zeros({1, 17}, at::kLong)}}),
      "input decoder_input_ids has 17 tokens, the model takes at most 16 (max_target_positions)");
  EXPECT_EQ(says(*whisper, {{"input_features", at::zeros({1, 6, 24})}, {"attention_mask", at::zeros({1, 24})}}),
            "input attention_mask leaves something out, which Whisper has no use for\n"
            "    expected ones, or no mask: silence fills the features, and labels of -100 leave out tokens");
}

TEST(AudioCheckpoints, OfAnotherFamilyAreRefused) {
  EXPECT_EQ(message_of<InputError>([] { families::read_model(audio_fixtures / "ast_relu", "whisper"); }),
            (audio_fixtures / "ast_relu/config.json").string() +
                ": model_type is 'audio-spectrogram-transformer', expected 'whisper'\n    supported families: bert, "
                "ast, whisper");
  EXPECT_EQ(message_of<InputError>([] { families::read_model(audio_fixtures / "whisper_odd")->with_head({"a"}, 0); }),
            "a Whisper model writes text and has no classification head\n"
            "    expected a BERT or AST checkpoint for classes, or a dataset of speech with transcripts");
}

TEST(AudioCheckpoints, FromScratchNeedOnlyTheirConfig) {
  const TempDir folder;
  std::filesystem::copy_file(audio_fixtures / "ast_no_bias/config.json", folder / "config.json");
  const auto made = families::model_from_scratch(folder.path(), {"yes", "no"}, {}, 7);
  const auto again = families::model_from_scratch(folder.path(), {"yes", "no"}, {}, 7);
  EXPECT_EQ(made->labels(), (std::vector<std::string>{"yes", "no"}));
  const auto features = at::randn({2, 31, 13});
  EXPECT_TRUE(is_close(made->outputs({{"input_values", features}}).at("logits"),
                       again->outputs({{"input_values", features}}).at("logits"), {0, 0}));
  made->save(folder.path());
  EXPECT_TRUE(is_close(families::read_model(folder.path())->outputs({{"input_values", features}}).at("logits"),
                       made->outputs({{"input_values", features}}).at("logits"), {0, 0}));
  EXPECT_EQ(message_of<InputError>([] { families::model_from_scratch(audio_fixtures / "whisper_odd", {"a"}, {}, 0); }),
            (audio_fixtures / "whisper_odd/config.json").string() +
                ": model_type is 'whisper'; weights are made anew for 'audio-spectrogram-transformer' only");
}

// --- decoding rules

class Rules : public testing::Test {
 protected:
  void write(const std::string& generation) {
    folder.write("config.json", R"({"model_type": "whisper", "vocab_size": 51865, "decoder_start_token_id": 50258,
      "max_target_positions": 448})");
    folder.write("generation_config.json", generation);
  }
  const std::string multilingual =
      R"({"is_multilingual": true, "lang_to_id": {"<|en|>": 50259, "<|de|>": 50261, "<|fr|>": 50265},
      "task_to_id": {"transcribe": 50359, "translate": 50358}, "no_timestamps_token_id": 50363, "eos_token_id": 50257,
      "suppress_tokens": [1, 2], "begin_suppress_tokens": [220, 50257], "max_length": 448})";
  TempDir folder;
};

TEST_F(Rules, OfAMultilingualCheckpointNameLanguageAndTask) {
  write(multilingual);
  const auto rules = families::decoding_rules(folder.path(), "German", "translate", 0);
  EXPECT_EQ(rules.prompt, (std::vector<std::int64_t>{50258, 50261, 50358, 50363}));
  EXPECT_EQ(rules.suppressed, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(rules.suppressed_at_begin, (std::vector<std::int64_t>{220, 50257}));
  EXPECT_EQ(rules.end, 50257);
  EXPECT_EQ(rules.most_tokens, 444);
  EXPECT_EQ(families::decoding_rules(folder.path(), "fr", "", 20).prompt,
            (std::vector<std::int64_t>{50258, 50265, 50359, 50363}));
  EXPECT_TRUE(families::is_multilingual(folder.path()));
}

TEST_F(Rules, SayWhatIsWrong) {
  write(multilingual);
  const auto says = [&](const char* language, const char* task, std::int64_t most) {
    return message_of<SettingsError>([&] { families::decoding_rules(folder.path(), language, task, most); });
  };
  EXPECT_EQ(says("germen", "", 0),
            "unknown language 'germen'\n    did you mean 'german'?\n    known: english, french, german");
  EXPECT_EQ(says("en", "transcibe", 0).substr(0, 56), "unknown task 'transcibe'\n    did you mean 'transcribe'?\n");
  EXPECT_EQ(says("en", "", 600),
            "at most 600 tokens a transcript do not fit the model\n    expected from 1 to 444: it has 448 positions "
            "(max_target_positions), of which the prompt takes 4");
  write(R"({"is_multilingual": false})");
  EXPECT_EQ(says("de", "", 0), (folder / "generation_config.json").string() +
                                   ": the checkpoint hears English only, it takes no language 'de'\n    leave language "
                                   "and task out");
}

TEST_F(Rules, FollowForcedIdsWhereNoLanguageIsGiven) {
  write(
      R"({"is_multilingual": true, "forced_decoder_ids": [[1, 50265], [2, 50358]], "no_timestamps_token_id": 50363})");
  EXPECT_EQ(families::decoding_rules(folder.path(), "", "", 0).prompt,
            (std::vector<std::int64_t>{50258, 50265, 50358, 50363}));
}

}  // namespace
}  // namespace espalier::test
