// One attention site: heads in groups of equal widths, computed over packed tokens.
//
// Letters: N packed tokens of all segments, B examples of a segment, T its tokens (S as keys), H heads of a group, q the
// width of a head in Q and K, v in V and O, D the width of the model. A compacted site may hold any number of groups,
// none included.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/units.h>

#include <cstdint>
#include <vector>

#include "layers.h"

namespace espalier::nn {

class GateTable;

// One head as the site holds it: which head of the site's frame, and which of its channels are here.
struct Head {
  std::int64_t index = 0;
  std::vector<std::int64_t> qk, vo;  // ascending
};

// Heads computed together. Heads narrower than the group are padded with zero weights, which change nothing.
struct HeadGroup {
  std::vector<Head> heads = {};
  std::int64_t qk = 0, vo = 0;  // widths, padding included
  double scale = 1;             // of the dot products before softmax

  std::int64_t size() const { return static_cast<std::int64_t>(heads.size()); }
  std::int64_t qk_total() const { return size() * qk; }
  std::int64_t vo_total() const { return size() * vo; }
};

// Examples of one batch within the packed tokens.
struct Segment {
  std::int64_t start = 0;          // first token
  std::int64_t first_example = 0;  // among the examples of all segments
  std::int64_t examples = 0, tokens = 0;
  at::Tensor attention = {};  // [B, 1, 1, T] additive: 0 or the lowest finite number; undefined: all tokens count
};

// What one call computes besides the plain formula.
struct AttentionPass {
  const GateTable* gates = nullptr;
  std::int64_t site = 0;
  double dropout = 0;
};

struct AttentionSite {
  std::int64_t heads = 0, head_dim = 0;      // the frame that masks and gates speak of
  std::vector<std::int64_t> original_heads;  // the checkpoint's first number of each head of the frame
  std::vector<HeadGroup> groups;
  Linear qkv;     // rows: Q of all groups, K of all groups, V of all groups
  Linear output;  // columns: context of all groups

  std::int64_t model_width() const { return output.weight.size(0); }
  std::int64_t qk_total() const;
  std::int64_t vo_total() const;
  bool is_dense() const;

  // hidden [N, D] -> Q, K and V of all groups, side by side.
  at::Tensor project(const at::Tensor& hidden) const;
  // Q, K, V of all groups -> context of all groups [N, sum of H v].
  at::Tensor attend(const at::Tensor& projected, const std::vector<Segment>& segments, const AttentionPass& pass) const;
  // context -> [N, D]
  at::Tensor write(const at::Tensor& context) const;
  // Only what the first token of each example receives: hidden [N, D], first [examples, D] -> [examples, D].
  at::Tensor first_tokens(const at::Tensor& hidden, const at::Tensor& first, const std::vector<Segment>& segments,
                          double dropout) const;

  // Rows of Q (or K, or V) and columns of the context in the order of the groups: the frame's place
  // head * head_dim + channel of each, -1 for padding.
  std::vector<std::int64_t> qk_places() const;
  std::vector<std::int64_t> vo_places() const;

  std::int64_t parameter_count() const;
  std::int64_t multiply_adds(std::int64_t tokens) const;
};

// A site that holds all channels of all heads.
AttentionSite dense_site(std::int64_t heads, std::int64_t head_dim, double scale);

}  // namespace espalier::nn
