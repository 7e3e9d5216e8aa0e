// What a speech model does besides scoring a reference: it writes what it hears.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/model.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nn/model.h"

namespace espalier::families {

// How a checkpoint decodes: greedily, without timestamps.
struct DecodingRules {
  // Stands in a prompt for the language that each example is most likely in.
  static constexpr std::int64_t detected_language = -1;
  // Whether the prompt leaves the language open.
  bool detects_language() const;

  std::vector<std::int64_t> prompt;               // what the decoder reads first: start of transcript, language, task
  std::vector<std::int64_t> languages;            // tokens of the languages among which one is detected
  std::vector<std::int64_t> suppressed;           // never written
  std::vector<std::int64_t> suppressed_at_begin;  // not written first
  std::int64_t end = 0;                           // ends a transcript
  std::int64_t most_tokens = 0;                   // written at most, the end included
};

// From generation_config.json (else config.json) as transformers' generate() uses them. `language` (a code or an
// English name) and `task` ("transcribe", "translate") only where the checkpoint is multilingual; without a language
// each example's is detected, unless the checkpoint's own configuration forces one. most_new_tokens 0: as many as the
// checkpoint says, else as the model allows (transformers' default of 20 is not taken).
// Throws InputError and SettingsError.
DecodingRules decoding_rules(const std::filesystem::path& checkpoint, const std::string& language,
                             const std::string& task, std::int64_t most_new_tokens);
bool is_multilingual(const std::filesystem::path& checkpoint);

struct Transcription {
  std::vector<std::int64_t> tokens;  // written ones: no prompt, no end
  bool cut = false;                  // it did not end by itself
  bool finite = true;                // every token was the most likely by a number
};

struct Heard {
  std::vector<Transcription> transcriptions;  // by example
  at::Tensor losses;                          // [examples], as Model::losses; undefined where the batch has no labels
};

// How the examples of a batch are computed: one by one, each where its activations stay in a cache, or all in every
// operation, as a GPU wants it; there the host looks at what was written only every few tokens. What is heard is the same.
enum class Together { No, Yes };
Together together_on(const at::Device& device);

class SpeechModel {
 public:
  virtual ~SpeechModel();

  // Transcribes a batch of input_features [examples, mels, frames], and scores its references (decoder_input_ids
  // [examples, tokens], labels [examples, tokens], -100 where nothing is asked) from the same encoder pass. Token ids
  // are those of transformers' generate() on the same inputs, however examples are batched. What is heard is on the CPU.
  virtual Heard hear(const Batch& batch, const DecodingRules& rules, Together together) const = 0;
  // The same by each of several models of one series (nn::MaskSeries), or by one, of the only batch of these inputs: what
  // the models have in common is computed once, and each begins with what the others wrote. Of inputs that are expected
  // again, later models of the series go on from it.
  virtual std::vector<Heard> hear_each(std::span<const nn::Model* const> models, const nn::PreparedInputs& inputs,
                                       const DecodingRules& rules, Together together) const = 0;
  // The language, by its token, that each of these input_features [examples, mels, frames] is most likely in, as hear()
  // finds it where the rules leave it open.
  virtual std::vector<std::int64_t> languages(const at::Tensor& features, const DecodingRules& rules,
                                              Together together) const = 0;

  // The same as the model's device likes it.
  Heard hear(const Batch& batch, const DecodingRules& rules) const { return hear(batch, rules, liked()); }
  std::vector<Heard> hear_each(std::span<const nn::Model* const> models, const nn::PreparedInputs& inputs,
                               const DecodingRules& rules) const {
    return hear_each(models, inputs, rules, liked());
  }
  std::vector<std::int64_t> languages(const at::Tensor& features, const DecodingRules& rules) const {
    return languages(features, rules, liked());
  }

 private:
  virtual Together liked() const = 0;
};

// The model as a speech model; null where it is none.
const SpeechModel* speech_model(const nn::Model& model);

}  // namespace espalier::families
