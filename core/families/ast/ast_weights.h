// The tensors of an Audio Spectrogram Transformer (Gong et al., 2021), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/network.h"

namespace espalier::families {

struct AstLayer {
  LayerNorm before;
  AttentionSite attention;
  LayerNorm after;
  Linear intermediate, output;
};

struct AstHead {
  LayerNorm norm;
  Linear dense;
};

struct AstWeights {
  at::Tensor class_token, distillation_token, positions;  // [1, 1, D], [1, 1, D], [1, tokens, D]
  Linear patches;                                         // weight [D, 1, patch, patch]
  std::vector<AstLayer> layers;
  LayerNorm norm;
  std::optional<AstHead> head;
};

// Calls visit(name, tensor, role) for every tensor, names without prefix; Q, K and V of a site are one,
// "...attention.qkv".
template <typename Weights, typename Visit>
void for_each_ast_tensor(Weights& weights, Visit&& visit) {
  using Role = Network::Role;
  const auto linear = [&](const std::string& name, auto& layer, Role weight = Role::Weight, Role bias = Role::Plain) {
    visit(name + ".weight", layer.weight, weight);
    if (layer.bias.defined()) visit(name + ".bias", layer.bias, bias);
  };
  const auto norm = [&](const std::string& name, auto& layer) {
    visit(name + ".weight", layer.weight, Role::Plain);
    visit(name + ".bias", layer.bias, Role::Plain);
  };
  visit("embeddings.cls_token", weights.class_token, Role::Plain);
  visit("embeddings.distillation_token", weights.distillation_token, Role::Plain);
  visit("embeddings.position_embeddings", weights.positions, Role::Plain);
  linear("embeddings.patch_embeddings.projection", weights.patches);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const std::string name = "encoder.layer." + std::to_string(i);
    auto& layer = weights.layers[i];
    norm(name + ".layernorm_before", layer.before);
    linear(name + ".attention.attention.qkv", layer.attention.qkv, Role::SiteWeight, Role::SiteBias);
    linear(name + ".attention.output.dense", layer.attention.output, Role::SiteWeight, Role::SiteBias);
    norm(name + ".layernorm_after", layer.after);
    linear(name + ".intermediate.dense", layer.intermediate);
    linear(name + ".output.dense", layer.output);
  }
  norm("layernorm", weights.norm);
  if (weights.head) {
    norm("classifier.layernorm", weights.head->norm);
    linear("classifier.dense", weights.head->dense);
  }
}

}  // namespace espalier::families
