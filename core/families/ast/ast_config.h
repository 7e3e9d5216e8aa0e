// config.json of an Audio Spectrogram Transformer: checked numbers, with the defaults of transformers 4.57.
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

struct AstConfig {
  std::int64_t hidden_size = 768, heads = 12, layers = 12, intermediate_size = 3072;
  std::int64_t patch_size = 16, frequency_stride = 10, time_stride = 10;
  std::int64_t frames = 1024, mel_bins = 128;  // of the input
  bool qkv_bias = true;
  double layer_norm_epsilon = 1e-12, hidden_dropout = 0, attention_dropout = 0, initializer_range = 0.02;
  Activation activation = Activation::Gelu;
  std::vector<std::string> labels;           // as a checkpoint with a head has them
  std::map<std::string, SiteWidths> widths;  // by site without prefix; absent: dense
  nlohmann::ordered_json source;             // the file as it is

  std::int64_t head_dim() const { return hidden_size / heads; }
  std::int64_t frequency_patches() const { return (mel_bins - patch_size) / frequency_stride + 1; }
  std::int64_t time_patches() const { return (frames - patch_size) / time_stride + 1; }
  // Class and distillation token, then patches, frequency by frequency.
  std::int64_t tokens() const { return frequency_patches() * time_patches() + 2; }
};

// The name of a layer's site, without prefix.
std::string ast_site(std::int64_t layer);

// Throws InputError that names path and key.
AstConfig ast_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
