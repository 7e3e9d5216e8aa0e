// config.json of a Whisper model: checked numbers, with the defaults of transformers 4.57.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "config_keys.h"

namespace espalier::families {

// scale_embedding is read by transformers and changes nothing there: nor does it here.
struct WhisperConfig : CheckpointConfig {
  struct Stack {
    std::int64_t layers = 4, heads = 6, intermediate_size = 1536;
  };
  Stack encoder, decoder;
  std::int64_t width = 384, vocabulary = 51865, mel_bins = 80;
  std::int64_t source_positions = 1500, target_positions = 448;
  std::int64_t start = 50257;  // the token a decoder reads first
  bool tied = true;            // logits come from the table of token embeddings
  double dropout = 0, attention_dropout = 0, activation_dropout = 0;
  Activation activation = Activation::Gelu;

  std::int64_t frames() const { return 2 * source_positions; }
  // Encoder first; of a decoder's layer self-attention before cross-attention.
  std::vector<SitePlace> site_places() const;
};

// Throws InputError that names path and key.
WhisperConfig whisper_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
