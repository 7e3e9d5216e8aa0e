#include "whisper_config.h"

#include <espalier/error.h>

namespace espalier::families {
namespace {

WhisperConfig::Stack stack(const ConfigKeys& keys, const std::string& name, std::int64_t width) {
  WhisperConfig::Stack stack;
  const auto heads = name + "_attention_heads";
  stack.layers = keys.whole((name + "_layers").c_str(), 4, 1, 10'000);
  stack.heads = keys.whole(heads.c_str(), 6, 1, 100'000);
  stack.intermediate_size = keys.whole((name + "_ffn_dim").c_str(), 1536, 1, 10'000'000);
  if (width % stack.heads != 0) {
    throw InputError(keys.path() + ": d_model " + std::to_string(width) + " is not a multiple of " + heads + " " +
                     std::to_string(stack.heads));
  }
  return stack;
}

}  // namespace

std::vector<WhisperSite> whisper_sites(const WhisperConfig& config) {
  using Place = WhisperSite::Place;
  std::vector<WhisperSite> sites;
  const auto add = [&](Place place, const WhisperConfig::Stack& stack, std::int64_t layer, const char* name) {
    const std::string path = place == Place::EncoderSelf ? "model.encoder.layers." : "model.decoder.layers.";
    sites.push_back(
        {place, layer, {path + std::to_string(layer) + "." + name, stack.heads, config.width / stack.heads}});
  };
  for (std::int64_t i = 0; i < config.encoder.layers; ++i) add(Place::EncoderSelf, config.encoder, i, "self_attn");
  for (std::int64_t i = 0; i < config.decoder.layers; ++i) {
    add(Place::DecoderSelf, config.decoder, i, "self_attn");
    add(Place::DecoderCross, config.decoder, i, "encoder_attn");
  }
  return sites;
}

WhisperConfig whisper_config(const std::filesystem::path& path, nlohmann::ordered_json json) {
  const ConfigKeys keys(path.string(), json);
  WhisperConfig config;
  config.width = keys.whole("d_model", 384, 1, 1'000'000);
  config.encoder = stack(keys, "encoder", config.width);
  config.decoder = stack(keys, "decoder", config.width);
  config.vocabulary = keys.whole("vocab_size", 51865, 1, 1'000'000'000);
  config.mel_bins = keys.whole("num_mel_bins", 80, 1, 100'000);
  config.source_positions = keys.whole("max_source_positions", 1500, 1, 10'000'000);
  config.target_positions = keys.whole("max_target_positions", 448, 1, 10'000'000);
  config.start = keys.whole("decoder_start_token_id", 50257, 0, 1'000'000'000);
  config.tied = keys.boolean("tie_word_embeddings", true);
  config.dropout = keys.real("dropout", 0, 0, 1);
  config.attention_dropout = keys.real("attention_dropout", 0, 0, 1);
  config.activation_dropout = keys.real("activation_dropout", 0, 0, 1);
  config.activation = keys.activation("activation_function", "gelu");
  std::vector<SiteFrame> frames;
  for (const auto& site : whisper_sites(config)) frames.push_back(site.frame);
  config.widths = read_site_widths(keys, frames);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
