#include "whisper_checkpoint.h"

namespace espalier::families {
namespace {

constexpr double layer_norm_epsilon = 1e-5;
constexpr const char* head_name = "proj_out.weight";

void want_encoder(WantedTensors& wanted, const WhisperConfig& config, WhisperWeights& weights) {
  const auto width = config.width;
  const auto convolution = [&](const std::string& name, Linear& layer, std::int64_t channels, const char* because) {
    wanted.tensor(name + ".weight", {width, channels, 3}, because, layer.weight);
    wanted.tensor(name + ".bias", {width}, "d_model", layer.bias);
  };
  convolution("model.encoder.conv1", weights.first_convolution, config.mel_bins, "d_model, num_mel_bins");
  convolution("model.encoder.conv2", weights.second_convolution, width, "d_model");
  wanted.tensor("model.encoder.embed_positions.weight", {config.source_positions, width},
                "max_source_positions, d_model", weights.source_positions);
  wanted.norm("model.encoder.layer_norm", weights.encoder_norm, width, layer_norm_epsilon, "d_model");
}

void want_decoder(WantedTensors& wanted, const WhisperConfig& config, WhisperWeights& weights) {
  const auto width = config.width;
  wanted.tensor("model.decoder.embed_tokens.weight", {config.vocabulary, width}, "vocab_size, d_model", weights.tokens);
  wanted.tensor("model.decoder.embed_positions.weight", {config.target_positions, width},
                "max_target_positions, d_model", weights.target_positions);
  wanted.norm("model.decoder.layer_norm", weights.decoder_norm, width, layer_norm_epsilon, "d_model");
}

void want_feed_forward(WantedTensors& wanted, const std::string& layer, WhisperFeedForward& block,
                       const WhisperConfig& config, bool encoder) {
  const auto inner = (encoder ? config.encoder : config.decoder).intermediate_size;
  const std::string key = encoder ? "encoder_ffn_dim" : "decoder_ffn_dim";
  wanted.linear(layer + ".fc1", block.inner, inner, config.width, key + ", d_model");
  wanted.linear(layer + ".fc2", block.outer, config.width, inner, "d_model, " + key);
  wanted.norm(layer + ".final_layer_norm", block.norm, config.width, layer_norm_epsilon, "d_model");
}

WantedTensors wanted_tensors(const WhisperConfig& config, WhisperWeights& weights, SitesOfFile& sites) {
  WantedTensors wanted;
  want_encoder(wanted, config, weights);
  want_decoder(wanted, config, weights);
  const auto places = config.site_places();
  std::size_t next = 0;
  WhisperWeights::each_block(weights, [&](WhisperAttention& block) {
    sites.want(wanted, next);
    wanted.norm(places[next++].frame.name + "_layer_norm", block.norm, config.width, layer_norm_epsilon, "d_model");
  });
  for (std::size_t i = 0; i < weights.encoder.size(); ++i) {
    want_feed_forward(wanted, "model.encoder.layers." + std::to_string(i), weights.encoder[i].feed_forward, config,
                      true);
  }
  for (std::size_t i = 0; i < weights.decoder.size(); ++i) {
    want_feed_forward(wanted, "model.decoder.layers." + std::to_string(i), weights.decoder[i].feed_forward, config,
                      false);
  }
  return wanted;
}

}  // namespace

Checkpoint<WhisperWeights> whisper_checkpoint(const std::filesystem::path& path, const WhisperConfig& config) {
  HeldTensors held(path);
  Checkpoint<WhisperWeights> checkpoint;
  auto& weights = checkpoint.weights;
  weights.encoder.resize(static_cast<std::size_t>(config.encoder.layers));
  weights.decoder.resize(static_cast<std::size_t>(config.decoder.layers));
  SitesOfFile sites(config.site_places(), config, config.width, "d_model");
  auto wanted = wanted_tensors(config, weights, sites);
  at::Tensor head;
  if (!config.tied || held.contains(head_name))
    wanted.tensor(head_name, {config.vocabulary, config.width}, "vocab_size, d_model", head);
  held.give(wanted);
  sites.read_into(weights);
  checkpoint.skipped = held.left();
  checkpoint.elements = held.elements() - (config.tied && head.defined() ? head.numel() : 0);
  // Where tie_word_embeddings says so, transformers takes the embeddings whatever the file has.
  if (!config.tied) {
    weights.head = head;
  } else if (head.defined() && !head.equal(weights.tokens)) {
    checkpoint.skipped.emplace_back(head_name);
  }
  return checkpoint;
}

}  // namespace espalier::families
