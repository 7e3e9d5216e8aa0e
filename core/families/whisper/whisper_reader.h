// The decoder as it reads: what it has read stays beside it as keys and values, so that a token costs one token.
//
// Letters as in whisper_memory.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/series/prefixes.h"
#include "whisper_config.h"
#include "whisper_memory.h"
#include "whisper_weights.h"

namespace espalier::families {

// Examples that are read token by token, or several at a time. Their memories stand one by one, each where it was
// computed, or in one, so that attention to them is one call a group.
class WhisperReader {
 public:
  // Refers to weights and config.
  WhisperReader(const WhisperWeights& weights, const WhisperConfig& config, std::vector<HeldMemory> memories);

  // The states of the next tokens of every example: [B, T] -> [B*T, D].
  at::Tensor read(const at::Tensor& tokens);
  // The same of first tokens that nothing follows, from the last decoder layer on whose output a series knows.
  at::Tensor read_alone(const at::Tensor& tokens, Restart& restart);
  // Takes back what each example read behind so many tokens: the next ones stand there.
  void rewind(std::vector<std::int64_t> lengths);
  // Goes on with these examples only; ascending.
  void keep(const std::vector<std::int64_t>& examples);
  std::int64_t examples() const { return examples_; }

 private:
  // Where the next tokens stand, unless they follow on equally long examples one by one or begin them.
  struct Places {
    at::Tensor places;  // [B, T]; undefined: as above
    at::Tensor open;    // [B, 1, T, L], 0 where a token may look, else -infinity
  };
  Places places_of(std::int64_t tokens) const;
  at::Tensor embedded(const at::Tensor& tokens, const Places& places) const;
  at::Tensor layer_output(std::size_t layer, at::Tensor hidden, std::int64_t tokens, const Places& places);
  void make_room(std::int64_t tokens);
  at::Tensor attend_to_itself(const AttentionSite& site, const at::Tensor& hidden, HeldKeys& held, std::int64_t tokens,
                              const Places& places) const;
  at::Tensor attend_to_memory(const AttentionSite& site, const at::Tensor& hidden, std::size_t layer,
                              std::int64_t tokens) const;

  const WhisperWeights& weights_;
  const WhisperConfig& config_;
  std::vector<HeldMemory> memories_;
  std::int64_t examples_ = 0;
  std::vector<HeldKeys> read_;         // by layer; room for more positions than are filled
  std::int64_t length_ = 0;            // of the longest
  std::vector<std::int64_t> lengths_;  // by example; empty: all are equally long
};

}  // namespace espalier::families
