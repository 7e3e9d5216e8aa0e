// Greedy decoding along what is likely to be written. Several tokens are read at once, and taken as far as they are what the
// model writes: a CPU reads the vocabulary and the memory once for all of them.
//
// Letters as in whisper_memory.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "families/speech.h"
#include "whisper_config.h"
#include "whisper_memory.h"
#include "whisper_weights.h"

namespace espalier::families {

// What is said to have been written: tokens, and the end where it was.
using Draft = std::vector<std::int64_t>;

// Whether a token weighs the same to a few last bits, however many are read with it: not so in half types.
bool drafts_decide_nothing(const WhisperWeights& weights);

// What whisper_transcribe() writes; `drafts` by example. nullopt: somewhere two tokens are so nearly equally likely that
// the order of sums might decide between them, or outputs are not numbers.
std::optional<std::vector<Transcription>> whisper_transcribe_along(const WhisperWeights& weights,
                                                                   const WhisperConfig& config,
                                                                   std::vector<HeldMemory> memories,
                                                                   const DecodingRules& rules,
                                                                   std::vector<std::vector<Draft>> drafts);

}  // namespace espalier::families
