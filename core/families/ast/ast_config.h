// config.json of an Audio Spectrogram Transformer: checked numbers, with the defaults of transformers 4.57.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "config_keys.h"

namespace espalier::families {

struct AstConfig : EncoderConfig {
  std::int64_t patch_size = 16, frequency_stride = 10, time_stride = 10;
  std::int64_t frames = 1024, mel_bins = 128;  // of the input
  bool qkv_bias = true;

  std::int64_t frequency_patches() const { return (mel_bins - patch_size) / frequency_stride + 1; }
  std::int64_t time_patches() const { return (frames - patch_size) / time_stride + 1; }
  // Class and distillation token, then patches, frequency by frequency.
  std::int64_t tokens() const { return frequency_patches() * time_patches() + 2; }

  std::vector<SitePlace> site_places() const;
};

// Throws InputError that names path and key.
AstConfig ast_config(const std::filesystem::path& path, nlohmann::ordered_json config);

}  // namespace espalier::families
