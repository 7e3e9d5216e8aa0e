// Greedy decoding: what the decoder has read stays beside it as keys and values, so that a token costs one token.
//
// Letters as in whisper_pass.h; H heads of a group, q their width in Q and K, v in V and O.
#pragma once

#include "families/speech.h"

#include <vector>

#include "whisper_config.h"
#include "whisper_weights.h"

namespace espalier::families {

// Keys and values of one site by group, each head's rows side by side.
struct HeldKeys {
  std::vector<at::Tensor> key;    // [examples, H, positions, q]
  std::vector<at::Tensor> value;  // [examples, H, positions, v]
};

// What the decoder reads of the encoder's states of some examples, by decoder layer; computed once.
struct HeldMemory {
  std::int64_t examples = 0;
  std::vector<HeldKeys> layers;
};
// states [examples*S, D]
HeldMemory whisper_memory(const WhisperWeights& weights, const at::Tensor& states, std::int64_t examples);
// Of one example.
std::int64_t whisper_memory_bytes(const WhisperWeights& weights, const WhisperConfig& config);

// Examples that are read token by token. Their memories stand one by one, each where it was computed, or in one, so that
// attention to them is one call a group.
class WhisperReader {
 public:
  // Refers to weights and config.
  WhisperReader(const WhisperWeights& weights, const WhisperConfig& config, std::vector<HeldMemory> memories);

  // The states of the next tokens of every example: [B, T] -> [B*T, D]. More than one token at a time only at first.
  at::Tensor read(const at::Tensor& tokens);
  // Goes on with these examples only; ascending.
  void keep(const std::vector<std::int64_t>& examples);
  std::int64_t examples() const { return examples_; }

 private:
  void make_room(std::int64_t tokens);
  at::Tensor attend_to_itself(const AttentionSite& site, const at::Tensor& hidden, HeldKeys& held,
                              std::int64_t tokens) const;
  at::Tensor attend_to_memory(const AttentionSite& site, const at::Tensor& hidden, std::size_t layer,
                              std::int64_t tokens) const;

  const WhisperWeights& weights_;
  const WhisperConfig& config_;
  std::vector<HeldMemory> memories_;
  std::int64_t examples_ = 0;
  std::vector<HeldKeys> read_;  // by layer; room for more positions than are filled
  std::int64_t length_ = 0;
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
