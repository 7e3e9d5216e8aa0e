// The tensors of a BERT encoder (Devlin et al., 2019), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "tensor_visitor.h"

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

  bool has_head() const { return classifier.has_value(); }
  const at::Tensor& sample() const { return words; }

  template <typename Self, typename Visit>
  static void each_site(Self& self, Visit&& visit) {
    for (auto& layer : self.layers) visit(layer.attention);
  }

  // Calls visit(name, tensor, role) for every tensor, names without prefix; Q, K and V of a site are one, "...self.qkv".
  template <typename Self, typename Visit>
  static void each_tensor(Self& self, Visit&& visit) {
    const TensorVisitor show(visit);
    using Role = Network::Role;
    show.tensor("embeddings.word_embeddings.weight", self.words, Role::Weight);
    show.tensor("embeddings.position_embeddings.weight", self.positions, Role::Weight);
    show.tensor("embeddings.token_type_embeddings.weight", self.token_types, Role::Weight);
    show.norm("embeddings.LayerNorm", self.embedding_norm);
    for (std::size_t i = 0; i < self.layers.size(); ++i) {
      const std::string name = "encoder.layer." + std::to_string(i);
      auto& layer = self.layers[i];
      show.site(name + ".attention.self.qkv", name + ".attention.output.dense", layer.attention);
      show.norm(name + ".attention.output.LayerNorm", layer.attention_norm);
      show.linear(name + ".intermediate.dense", layer.intermediate);
      show.linear(name + ".output.dense", layer.output);
      show.norm(name + ".output.LayerNorm", layer.output_norm);
    }
    if (self.pooler) show.linear("pooler.dense", *self.pooler);
    if (self.classifier) show.linear("classifier", *self.classifier);
  }
};

}  // namespace espalier::families
