// The tensors of a BERT encoder (Devlin et al., 2019), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/network.h"

namespace espalier::families {

struct BertLayer {
  AttentionSite attention;
  LayerNorm attention_norm;
  Linear intermediate, output;
  LayerNorm output_norm;
};

struct BertWeights {
  at::Tensor words, positions, token_types;
  LayerNorm embedding_norm;
  std::vector<BertLayer> layers;
  std::optional<Linear> pooler, classifier;  // a headless checkpoint may bring a pooler that its outputs do not use
};

// Calls visit(name, tensor, role) for every tensor, names without prefix; Q, K and V of a site are one, "...self.qkv".
template <typename Weights, typename Visit>
void for_each_tensor(Weights& weights, Visit&& visit) {
  using Role = Network::Role;
  const auto linear = [&](const std::string& name, auto& layer) {
    visit(name + ".weight", layer.weight, Role::Weight);
    visit(name + ".bias", layer.bias, Role::Plain);
  };
  const auto site = [&](const std::string& name, auto& layer) {
    visit(name + ".weight", layer.weight, Role::SiteWeight);
    visit(name + ".bias", layer.bias, Role::SiteBias);
  };
  const auto norm = [&](const std::string& name, auto& layer) {
    visit(name + ".weight", layer.weight, Role::Plain);
    visit(name + ".bias", layer.bias, Role::Plain);
  };
  visit("embeddings.word_embeddings.weight", weights.words, Role::Weight);
  visit("embeddings.position_embeddings.weight", weights.positions, Role::Weight);
  visit("embeddings.token_type_embeddings.weight", weights.token_types, Role::Weight);
  norm("embeddings.LayerNorm", weights.embedding_norm);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const std::string name = "encoder.layer." + std::to_string(i);
    auto& layer = weights.layers[i];
    site(name + ".attention.self.qkv", layer.attention.qkv);
    site(name + ".attention.output.dense", layer.attention.output);
    norm(name + ".attention.output.LayerNorm", layer.attention_norm);
    linear(name + ".intermediate.dense", layer.intermediate);
    linear(name + ".output.dense", layer.output);
    norm(name + ".output.LayerNorm", layer.output_norm);
  }
  if (weights.pooler) linear("pooler.dense", *weights.pooler);
  if (weights.classifier) linear("classifier", *weights.classifier);
}

}  // namespace espalier::families
