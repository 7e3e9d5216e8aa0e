#include "whisper_checkpoint.h"

#include <algorithm>
#include <cmath>

#include "checkpoint_reading.h"
#include "checkpoint_writing.h"

namespace espalier::families {
namespace {

constexpr double layer_norm_epsilon = 1e-5;
constexpr const char* head_name = "proj_out.weight";

using Site = WhisperSite;

const SiteWidths* widths_of(const WhisperConfig& config, const SiteFrame& frame) {
  const auto found = config.widths.find(frame.name);
  return found == config.widths.end() ? nullptr : &found->second;
}

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

void want_attention(WantedTensors& wanted, const SiteFrame& frame, const SiteWidths* widths, SiteLinears& parts,
                    LayerNorm& norm, std::int64_t width) {
  const auto [qk, vo] = rows_of(frame, widths);
  const std::string because = widths == nullptr ? "d_model" : "d_model, espalier";
  wanted.linear(frame.name + ".q_proj", parts.query, qk, width, because);
  wanted.linear(frame.name + ".k_proj", parts.key, qk, width, because, /*with_bias=*/false);
  wanted.linear(frame.name + ".v_proj", parts.value, vo, width, because);
  wanted.linear(frame.name + ".out_proj", parts.output, width, vo, because);
  wanted.norm(frame.name + "_layer_norm", norm, width, layer_norm_epsilon, "d_model");
}

WhisperAttention& block_of(WhisperWeights& weights, const Site& site) {
  const auto layer = static_cast<std::size_t>(site.layer);
  if (site.place == Site::Place::EncoderSelf) return weights.encoder[layer].self;
  return site.place == Site::Place::DecoderSelf ? weights.decoder[layer].self : weights.decoder[layer].cross;
}

WantedTensors wanted_tensors(const WhisperConfig& config, WhisperWeights& weights, std::vector<SiteLinears>& parts) {
  WantedTensors wanted;
  want_encoder(wanted, config, weights);
  want_decoder(wanted, config, weights);
  const auto sites = whisper_sites(config);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& frame = sites[i].frame;
    want_attention(wanted, frame, widths_of(config, frame), parts[i], block_of(weights, sites[i]).norm, config.width);
  }
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

WhisperCheckpoint whisper_checkpoint(const std::filesystem::path& path, const WhisperConfig& config) {
  HeldTensors held(path);
  WhisperCheckpoint checkpoint;
  auto& weights = checkpoint.weights;
  weights.encoder.resize(static_cast<std::size_t>(config.encoder.layers));
  weights.decoder.resize(static_cast<std::size_t>(config.decoder.layers));
  const auto sites = whisper_sites(config);
  std::vector<SiteLinears> parts(sites.size());
  auto wanted = wanted_tensors(config, weights, parts);
  at::Tensor head;
  if (!config.tied || held.contains(head_name))
    wanted.tensor(head_name, {config.vocabulary, config.width}, "vocab_size, d_model", head);
  held.give(wanted);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& frame = sites[i].frame;
    const double scale = 1 / std::sqrt(static_cast<double>(frame.head_dim));
    block_of(weights, sites[i]).site = read_site(frame, widths_of(config, frame), scale, parts[i]);
    parts[i] = {};
  }
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

void write_whisper(const std::filesystem::path& folder, const WhisperConfig& config, const WhisperWeights& weights) {
  TensorFile file;
  for_each_whisper_tensor(weights, [&](const std::string& name, const at::Tensor& tensor, Network::Role role) {
    const bool of_site = role == Network::Role::SiteWeight || role == Network::Role::SiteBias;
    if (!of_site) file.tensors[name] = tensor;
  });
  const auto frames = whisper_sites(config);
  std::vector<SavedSite> sites;
  for_each_whisper_site(weights, [&](const AttentionSite& site) {
    const auto& frame = frames[sites.size()].frame;
    sites.push_back({frame, &site});
    add_site(file, site, frame.name + ".q_proj", frame.name + ".k_proj", frame.name + ".v_proj",
             frame.name + ".out_proj");
  });
  auto json = config.source;
  json["model_type"] = "whisper";
  json["architectures"] = {"WhisperForConditionalGeneration"};
  write_site_widths(json, sites);
  write_checkpoint(folder, std::move(json), std::move(file));
}

}  // namespace espalier::families
