#include "ast_config.h"

#include <espalier/error.h>

#include "nn/text.h"

namespace espalier::families {

std::string ast_site(std::int64_t layer) { return "encoder.layer." + std::to_string(layer) + ".attention.attention"; }

AstConfig ast_config(const std::filesystem::path& path, nlohmann::ordered_json json) {
  const ConfigKeys keys(path.string(), json);
  AstConfig config;
  config.hidden_size = keys.whole("hidden_size", 768, 1, 1'000'000);
  config.heads = keys.whole("num_attention_heads", 12, 1, 100'000);
  config.layers = keys.whole("num_hidden_layers", 12, 1, 10'000);
  config.intermediate_size = keys.whole("intermediate_size", 3072, 1, 10'000'000);
  config.patch_size = keys.whole("patch_size", 16, 1, 100'000);
  config.frequency_stride = keys.whole("frequency_stride", 10, 1, 100'000);
  config.time_stride = keys.whole("time_stride", 10, 1, 100'000);
  config.frames = keys.whole("max_length", 1024, 1, 10'000'000);
  config.mel_bins = keys.whole("num_mel_bins", 128, 1, 100'000);
  config.qkv_bias = keys.boolean("qkv_bias", true);
  config.layer_norm_epsilon = keys.real("layer_norm_eps", 1e-12, 0, 1);
  config.hidden_dropout = keys.real("hidden_dropout_prob", 0, 0, 1);
  config.attention_dropout = keys.real("attention_probs_dropout_prob", 0, 0, 1);
  config.initializer_range = keys.real("initializer_range", 0.02, 0, 1e6);
  config.activation = keys.activation("hidden_act", "gelu");
  if (config.hidden_size % config.heads != 0) {
    throw InputError(keys.path() + ": hidden_size " + std::to_string(config.hidden_size) +
                     " is not a multiple of num_attention_heads " + std::to_string(config.heads));
  }
  if (config.patch_size > config.mel_bins || config.patch_size > config.frames) {
    throw InputError(keys.path() + ": patch_size " + std::to_string(config.patch_size) +
                     " is larger than the input of max_length " + std::to_string(config.frames) +
                     " frames and num_mel_bins " + std::to_string(config.mel_bins));
  }
  config.labels = labels_of(keys);
  std::vector<SiteFrame> frames;
  for (std::int64_t i = 0; i < config.layers; ++i) frames.push_back({ast_site(i), config.heads, config.head_dim()});
  config.widths = read_site_widths(keys, frames);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
