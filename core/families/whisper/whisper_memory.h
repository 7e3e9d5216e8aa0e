// What the decoder reads of the encoder's states: keys and values of each cross-attention site, computed once.
//
// Letters as in whisper_pass.h; H heads of a group, q their width in Q and K, v in V and O.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "whisper_config.h"
#include "whisper_weights.h"

namespace espalier::families {

// Keys and values of one site by group, each head's rows side by side.
struct HeldKeys {
  std::vector<at::Tensor> key;    // [examples, H, positions, q]
  std::vector<at::Tensor> value;  // [examples, H, positions, v]
};

// What the decoder reads of the encoder's states of some examples, by decoder layer.
struct HeldMemory {
  std::int64_t examples = 0;
  std::vector<HeldKeys> layers;
};

// K or V of one head of a cross-attention site. Heads are projected one by one: what a head says does not depend on which
// others are there, to the last bit, so that masks of one model can share it.
struct CrossHead {
  std::size_t layer = 0;
  bool is_key = false;
  std::int64_t head = 0;               // of the site's frame
  std::vector<std::int64_t> channels;  // of the frame
  Linear projection;                   // [width, D], the width with padding

  at::Tensor operator()(const at::Tensor& states) const { return projection(states); }  // [N, D] -> [N, width]
};
// In the order of layers, groups and heads, the key of each before its value.
std::vector<CrossHead> cross_heads(const WhisperWeights& weights);

// From what each of the heads says of the states of these examples, [examples*S, width].
HeldMemory memory_of_heads(const WhisperWeights& weights, std::span<const at::Tensor> heads, std::int64_t examples);
// states [examples*S, D]
HeldMemory whisper_memory(const WhisperWeights& weights, const at::Tensor& states, std::int64_t examples);
// Of one example.
std::int64_t whisper_memory_bytes(const WhisperWeights& weights, const WhisperConfig& config);

}  // namespace espalier::families
