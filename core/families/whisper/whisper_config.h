// config.json of a Whisper model: checked numbers, with the defaults of transformers 4.57.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config_keys.h"
#include "nn/layers.h"

namespace espalier::families {

// scale_embedding is read by transformers and changes nothing there: nor does it here.
struct WhisperConfig {
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
  std::map<std::string, SiteWidths> widths;  // by site; absent: dense
  nlohmann::ordered_json source;             // the file as it is

  std::int64_t frames() const { return 2 * source_positions; }
};

// One site of the model in the order of a pass: which layer of which stack it belongs to.
struct WhisperSite {
  enum class Place { EncoderSelf, DecoderSelf, DecoderCross } place;
  std::int64_t layer = 0;
  SiteFrame frame;  // under its full name
};
std::vector<WhisperSite> whisper_sites(const WhisperConfig& config);

// Throws InputError that names path and key.
WhisperConfig whisper_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
