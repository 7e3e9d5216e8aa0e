// The tensors of a Whisper model (Radford et al., 2022), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/network.h"

namespace espalier::families {

// An attention block before its sum with what entered it: norm, then the site.
struct WhisperAttention {
  LayerNorm norm;
  AttentionSite site;
};

struct WhisperFeedForward {
  LayerNorm norm;
  Linear inner, outer;
};

struct WhisperEncoderLayer {
  WhisperAttention self;
  WhisperFeedForward feed_forward;
};

struct WhisperDecoderLayer {
  WhisperAttention self, cross;
  WhisperFeedForward feed_forward;
};

struct WhisperWeights {
  Linear first_convolution, second_convolution;  // weights [D, mels, 3] and [D, D, 3]
  at::Tensor source_positions;                   // [frames / 2, D]
  std::vector<WhisperEncoderLayer> encoder;
  LayerNorm encoder_norm;
  at::Tensor tokens;            // [vocabulary, D]
  at::Tensor target_positions;  // [most tokens, D]
  std::vector<WhisperDecoderLayer> decoder;
  LayerNorm decoder_norm;
  at::Tensor head;  // [vocabulary, D]; undefined: the token embeddings

  const at::Tensor& head_weight() const { return head.defined() ? head : tokens; }
};

// Sites in the order of a pass; Weights is WhisperWeights or const.
template <typename Weights, typename Visit>
void for_each_whisper_site(Weights& weights, Visit&& visit) {
  for (auto& layer : weights.encoder) visit(layer.self.site);
  for (auto& layer : weights.decoder) {
    visit(layer.self.site);
    visit(layer.cross.site);
  }
}

// Calls visit(name, tensor, role) for every tensor; Q, K and V of a site are one, "...self_attn.qkv".
template <typename Weights, typename Visit>
void for_each_whisper_tensor(Weights& weights, Visit&& visit) {
  using Role = Network::Role;
  const auto linear = [&](const std::string& name, auto& layer, Role weight = Role::Weight, Role bias = Role::Plain) {
    visit(name + ".weight", layer.weight, weight);
    if (layer.bias.defined()) visit(name + ".bias", layer.bias, bias);
  };
  const auto norm = [&](const std::string& name, auto& layer) {
    visit(name + ".weight", layer.weight, Role::Plain);
    visit(name + ".bias", layer.bias, Role::Plain);
  };
  const auto attention = [&](const std::string& name, auto& block) {
    linear(name + ".qkv", block.site.qkv, Role::SiteWeight, Role::SiteBias);
    linear(name + ".out_proj", block.site.output, Role::SiteWeight, Role::SiteBias);
    norm(name + "_layer_norm", block.norm);
  };
  const auto feed_forward = [&](const std::string& name, auto& block) {
    linear(name + ".fc1", block.inner);
    linear(name + ".fc2", block.outer);
    norm(name + ".final_layer_norm", block.norm);
  };
  linear("model.encoder.conv1", weights.first_convolution);
  linear("model.encoder.conv2", weights.second_convolution);
  visit("model.encoder.embed_positions.weight", weights.source_positions, Role::Plain);
  for (std::size_t i = 0; i < weights.encoder.size(); ++i) {
    const auto name = "model.encoder.layers." + std::to_string(i);
    attention(name + ".self_attn", weights.encoder[i].self);
    feed_forward(name, weights.encoder[i].feed_forward);
  }
  norm("model.encoder.layer_norm", weights.encoder_norm);
  visit("model.decoder.embed_tokens.weight", weights.tokens, Role::Weight);
  visit("model.decoder.embed_positions.weight", weights.target_positions, Role::Weight);
  for (std::size_t i = 0; i < weights.decoder.size(); ++i) {
    const auto name = "model.decoder.layers." + std::to_string(i);
    attention(name + ".self_attn", weights.decoder[i].self);
    attention(name + ".encoder_attn", weights.decoder[i].cross);
    feed_forward(name, weights.decoder[i].feed_forward);
  }
  norm("model.decoder.layer_norm", weights.decoder_norm);
  if (weights.head.defined()) visit("proj_out.weight", weights.head, Role::Weight);
}

}  // namespace espalier::families
