#include "ast_config.h"

#include <espalier/error.h>

namespace espalier::families {

std::vector<SitePlace> AstConfig::site_places() const {
  std::vector<SitePlace> places;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto attention = "encoder.layer." + std::to_string(i) + ".attention.", self = attention + "attention";
    places.push_back({.frame = {self, heads, head_dim()},
                      .linears = {self + ".query", self + ".key", self + ".value", attention + "output.dense"},
                      .has_bias = {qkv_bias, qkv_bias, qkv_bias, true}});
  }
  return places;
}

AstConfig ast_config(const std::filesystem::path& path, nlohmann::ordered_json json) {
  const ConfigKeys keys(path.string(), json);
  AstConfig config;
  read_encoder(keys, config);
  config.patch_size = keys.whole("patch_size", 16, 1, 100'000);
  config.frequency_stride = keys.whole("frequency_stride", 10, 1, 100'000);
  config.time_stride = keys.whole("time_stride", 10, 1, 100'000);
  config.frames = keys.whole("max_length", 1024, 1, 10'000'000);
  config.mel_bins = keys.whole("num_mel_bins", 128, 1, 100'000);
  config.qkv_bias = keys.boolean("qkv_bias", true);
  if (config.patch_size > config.mel_bins || config.patch_size > config.frames) {
    throw InputError(keys.path() + ": patch_size " + std::to_string(config.patch_size) +
                     " is larger than the input of max_length " + std::to_string(config.frames) +
                     " frames and num_mel_bins " + std::to_string(config.mel_bins));
  }
  read_site_widths(keys, config.site_places(), config);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
