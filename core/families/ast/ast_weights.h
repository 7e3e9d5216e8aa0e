// The tensors of an Audio Spectrogram Transformer (Gong et al., 2021), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "tensor_visitor.h"

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

  bool has_head() const { return head.has_value(); }
  const at::Tensor& sample() const { return positions; }

  template <typename Self, typename Visit>
  static void each_site(Self& self, Visit&& visit) {
    for (auto& layer : self.layers) visit(layer.attention);
  }

  // Calls visit(name, tensor, role) for every tensor, names without prefix; Q, K and V of a site are one,
  // "...attention.qkv".
  template <typename Self, typename Visit>
  static void each_tensor(Self& self, Visit&& visit) {
    const TensorVisitor show(visit);
    using Role = Network::Role;
    show.tensor("embeddings.cls_token", self.class_token, Role::Plain);
    show.tensor("embeddings.distillation_token", self.distillation_token, Role::Plain);
    show.tensor("embeddings.position_embeddings", self.positions, Role::Plain);
    show.linear("embeddings.patch_embeddings.projection", self.patches);
    for (std::size_t i = 0; i < self.layers.size(); ++i) {
      const std::string name = "encoder.layer." + std::to_string(i);
      auto& layer = self.layers[i];
      show.norm(name + ".layernorm_before", layer.before);
      show.site(name + ".attention.attention.qkv", name + ".attention.output.dense", layer.attention);
      show.norm(name + ".layernorm_after", layer.after);
      show.linear(name + ".intermediate.dense", layer.intermediate);
      show.linear(name + ".output.dense", layer.output);
    }
    show.norm("layernorm", self.norm);
    if (self.head) {
      show.norm("classifier.layernorm", self.head->norm);
      show.linear("classifier.dense", self.head->dense);
    }
  }
};

}  // namespace espalier::families
