// Greedy decoding, token by token, and what it is made of.
//
// Letters as in whisper_memory.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "families/speech.h"
#include "whisper_config.h"
#include "whisper_reader.h"
#include "whisper_weights.h"

namespace espalier::families {

// Token ids where the weights are.
at::Tensor ids_of(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights);
// What the decoder would say next: [V, examples]. On a CPU many rows times few columns is the quicker order, and two
// columns are quicker than one; on a GPU a vocabulary is searched quicker where it stands in one row.
at::Tensor next_logits(const WhisperWeights& weights, const at::Tensor& states);
// The states after the last token of each example: [B*T, D] -> [B, D].
at::Tensor last_states(const at::Tensor& states, std::int64_t examples);
// The same tokens for each example: [B, T].
at::Tensor repeated(std::int64_t examples, std::span<const std::int64_t> tokens, const WhisperWeights& weights);
// The part of the prompt before the language that is left open; all of it where none is.
std::span<const std::int64_t> known_prompt(const DecodingRules& rules);

// Tokens that are not to be written, those among them that the model has: made once a transcription.
class Suppressed {
 public:
  Suppressed(const std::vector<std::int64_t>& tokens, const WhisperWeights& weights);
  void in(at::Tensor& logits) const;  // [V, B]
  void in(at::Tensor& logits, const std::vector<std::int64_t>& columns) const;

 private:
  at::Tensor ids_;  // undefined: none
};

// Throws SettingsError where the rules do not fit the model.
void check_rules(const DecodingRules& rules, const WhisperConfig& config);
// By example: the language's token, among those of the rules.
std::vector<std::int64_t> whisper_languages(const WhisperWeights& weights, const WhisperConfig& config,
                                            std::vector<HeldMemory> memories, const DecodingRules& rules);
// By example. The host looks at what was written every `tokens_a_look` tokens: until then a finished example writes on,
// and what it writes is not kept.
std::vector<Transcription> whisper_transcribe(const WhisperWeights& weights, const WhisperConfig& config,
                                              std::vector<HeldMemory> memories, const DecodingRules& rules,
                                              std::int64_t tokens_a_look);

}  // namespace espalier::families
