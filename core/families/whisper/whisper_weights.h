// The tensors of a Whisper model (Radford et al., 2022), as a value: copies share tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "tensor_visitor.h"

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
  bool has_head() const { return false; }  // of classes
  const at::Tensor& sample() const { return tokens; }

  // Attention blocks in the order of a pass.
  template <typename Self, typename Visit>
  static void each_block(Self& self, Visit&& visit) {
    for (auto& layer : self.encoder) visit(layer.self);
    for (auto& layer : self.decoder) {
      visit(layer.self);
      visit(layer.cross);
    }
  }
  template <typename Self, typename Visit>
  static void each_site(Self& self, Visit&& visit) {
    each_block(self, [&](auto& block) { visit(block.site); });
  }

  // Calls visit(name, tensor, role) for every tensor; Q, K and V of a site are one, "...self_attn.qkv".
  template <typename Self, typename Visit>
  static void each_tensor(Self& self, Visit&& visit) {
    const TensorVisitor show(visit);
    using Role = Network::Role;
    const auto attention = [&](const std::string& name, auto& block) {
      show.site(name + ".qkv", name + ".out_proj", block.site);
      show.norm(name + "_layer_norm", block.norm);
    };
    const auto feed_forward = [&](const std::string& name, auto& block) {
      show.linear(name + ".fc1", block.inner);
      show.linear(name + ".fc2", block.outer);
      show.norm(name + ".final_layer_norm", block.norm);
    };
    show.linear("model.encoder.conv1", self.first_convolution);
    show.linear("model.encoder.conv2", self.second_convolution);
    show.tensor("model.encoder.embed_positions.weight", self.source_positions, Role::Plain);
    for (std::size_t i = 0; i < self.encoder.size(); ++i) {
      const auto name = "model.encoder.layers." + std::to_string(i);
      attention(name + ".self_attn", self.encoder[i].self);
      feed_forward(name, self.encoder[i].feed_forward);
    }
    show.norm("model.encoder.layer_norm", self.encoder_norm);
    show.tensor("model.decoder.embed_tokens.weight", self.tokens, Role::Weight);
    show.tensor("model.decoder.embed_positions.weight", self.target_positions, Role::Weight);
    for (std::size_t i = 0; i < self.decoder.size(); ++i) {
      const auto name = "model.decoder.layers." + std::to_string(i);
      attention(name + ".self_attn", self.decoder[i].self);
      attention(name + ".encoder_attn", self.decoder[i].cross);
      feed_forward(name, self.decoder[i].feed_forward);
    }
    show.norm("model.decoder.layer_norm", self.decoder_norm);
    if (self.head.defined()) show.tensor("proj_out.weight", self.head, Role::Weight);
  }
};

}  // namespace espalier::families
