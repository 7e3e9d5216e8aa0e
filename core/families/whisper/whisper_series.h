// What models of one series of masks (nn::MaskSeries) have computed of some sounds: states of the encoder, what the decoder
// reads of them head by head, and what was written.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "families/speech.h"
#include "nn/series/prefixes.h"
#include "whisper_config.h"
#include "whisper_drafts.h"
#include "whisper_memory.h"
#include "whisper_reader.h"
#include "whisper_weights.h"

namespace espalier::families {

// To one model of the series. Refers to what it is given.
class KnownSounds {
 public:
  // All in the states of one piece.
  KnownSounds(const WhisperWeights& weights, const WhisperConfig& config, Restart& restart);
  // Apart, under a number. `keeps_all`: also what takes much memory and saves less than the encoder's states do.
  KnownSounds(const WhisperWeights& weights, const WhisperConfig& config, Prefixes& prefixes, std::uint64_t sounds,
              std::span<const std::int64_t> versions, bool keeps_all);

  // What the decoder reads of these sounds.
  std::vector<HeldMemory> memories(const at::Tensor& features, Together together);
  // Whether all of it is known.
  bool has_memories();
  // The decoder's states of first tokens, the same ones for each model: [B, T] -> [B*T, D]. `lengths` by example, as far as
  // they are asked for.
  at::Tensor read(WhisperReader& reader, const at::Tensor& tokens, std::span<const std::int64_t> lengths);
  // What was written of each of these sounds, the latest first.
  std::vector<std::vector<Draft>> drafts(std::int64_t examples);
  void remember(const std::vector<Transcription>& written, const DecodingRules& rules);

  // Multiply-adds of encoder, memories and read() that were not done.
  std::int64_t skipped_multiply_adds() const { return skipped_; }

 private:
  enum Piece : std::int64_t { Encoder, References, Transcripts, Heads };  // one of each layer from Heads on
  SiteVersions name_of(const CrossHead& head) const;
  at::Tensor found(const CrossHead& head);
  void compute(std::span<const CrossHead> heads, std::span<at::Tensor> said, const at::Tensor& features,
               Together together);

  const WhisperWeights& weights_;
  const WhisperConfig& config_;
  const std::function<PieceStates&(std::int64_t piece)> states_;
  const std::span<const std::int64_t> versions_;  // of all sites
  const bool keeps_all_;
  std::int64_t skipped_ = 0;
};

// Of one example: of all layers of the encoder or its first ones, and of the convolutions before them.
std::int64_t encoder_multiply_adds(const WhisperWeights& weights, const WhisperConfig& config);
std::int64_t encoder_multiply_adds(const WhisperWeights& weights, const WhisperConfig& config, std::int64_t layers);

}  // namespace espalier::families
