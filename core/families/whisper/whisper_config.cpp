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

std::vector<SitePlace> WhisperConfig::site_places() const {
  std::vector<SitePlace> places;
  const auto add = [&](SiteKind kind, const Stack& stack, const std::string& name) {
    places.push_back({.frame = {name, stack.heads, width / stack.heads},
                      .kind = kind,
                      .linears = {name + ".q_proj", name + ".k_proj", name + ".v_proj", name + ".out_proj"},
                      .has_bias = {true, false, true, true}});
  };
  for (std::int64_t i = 0; i < encoder.layers; ++i)
    add(SiteKind::EncoderSelf, encoder, "model.encoder.layers." + std::to_string(i) + ".self_attn");
  for (std::int64_t i = 0; i < decoder.layers; ++i) {
    const auto layer = "model.decoder.layers." + std::to_string(i);
    add(SiteKind::DecoderSelf, decoder, layer + ".self_attn");
    add(SiteKind::DecoderCross, decoder, layer + ".encoder_attn");
  }
  return places;
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
  read_site_widths(keys, config.site_places(), config);
  config.source = std::move(json);
  return config;
}

}  // namespace espalier::families
