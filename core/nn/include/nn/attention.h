// One attention site: heads in groups of equal widths, computed over packed tokens.
//
// Letters: N packed tokens of all segments, B examples of a segment, T its queries, S its keys, H heads of a group, q
// the width of a head in Q and K, v in V and O, D the width of the model. A compacted site may hold any number of
// groups, none included.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/units.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "nn/layers.h"

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

// Examples of one batch within the packed queries and the packed keys.
struct Segment {
  std::int64_t first_example = 0, examples = 0;  // among the examples of all segments
  std::int64_t query_start = 0, queries = 0;     // first row, and rows an example
  std::int64_t key_start = 0, keys = 0;
  at::Tensor attention = {};  // additive, [B or 1, 1, T or 1, S]; undefined: every key counts
  bool causal = false;        // a query sees the keys up to its own place; then T = S
};

// Where each example of all segments begins, for one attention call over examples of all lengths (variable-length
// attention). A GPU is kept waiting by a call a length.
struct Packing {
  at::Tensor query_offsets, key_offsets;  // [examples + 1], I32, where the model computes
  std::int64_t longest_query = 0, longest_key = 0;
  std::int64_t examples = 0;
};

// How the rows of a pass are laid out: segment by segment, and where the device wants it, all as one packing.
struct Layout {
  Layout() = default;
  Layout(std::initializer_list<Segment> its_segments) : segments(its_segments) {}

  std::vector<Segment> segments;
  std::shared_ptr<const Packing> packing = {};  // null: there is none
};

// The packing of segments on a device whose attention takes one; null where it has none, where one segment is all, or
// where something is masked.
std::shared_ptr<const Packing> packing_of(const std::vector<Segment>& segments, const at::Device& device);

// The same layout with only the first `count` tokens of each example as queries, packed one after the other.
Layout first_queries(Layout layout, std::int64_t count);

// Q, K and V of all groups.
struct Projected {
  at::Tensor query;                 // [N, sum of H q or more]
  at::Tensor key_value;             // [N of the keys, ...]; of a single segment also [B, S, ...]
  std::int64_t key = 0, value = 0;  // the first columns of K and of V in key_value
};

// What one call computes besides the plain formula.
struct AttentionPass {
  const GateTable* gates = nullptr;
  std::int64_t site = 0;
  double dropout = 0;
};

struct AttentionSite {
  std::int64_t heads = 0, head_dim = 0;  // the frame that masks and gates speak of
  std::vector<std::int64_t> qk_widths,
      vo_widths;                             // channels of it that the checkpoint held, by head; empty: head_dim each
  std::vector<std::int64_t> original_heads;  // the checkpoint's first number of each head of the frame
  std::vector<HeadGroup> groups;
  std::array<bool, 4> has_bias = {true, true, true, true};  // by Projection, as the checkpoint has them
  Linear qkv;     // rows: Q of all groups, K of all groups, V of all groups; a bias that one of them lacks is zero
  Linear output;  // columns: context of all groups

  std::int64_t model_width() const { return output.weight.size(0); }
  std::int64_t qk_total() const;
  std::int64_t vo_total() const;
  bool is_dense() const;

  // hidden [N, D] -> Q, K and V of all groups, side by side.
  at::Tensor project(const at::Tensor& hidden) const;
  Projected parts(const at::Tensor& projected) const;
  // The same apart, for queries and keys from different places: [N, Q] and [N, K and V].
  at::Tensor project_query(const at::Tensor& hidden) const;
  at::Tensor project_key_value(const at::Tensor& memory) const;
  Projected parts(const at::Tensor& query, const at::Tensor& key_value) const;
  // Q, K, V of all groups -> context of all groups [N of the queries, sum of H v].
  at::Tensor attend(const Projected& projected, const Layout& layout, const AttentionPass& pass) const;
  // context -> [N, D]
  at::Tensor write(const at::Tensor& context) const;

  // Rows of Q (or K, or V) and columns of the context in the order of the groups: the frame's place
  // head * head_dim + channel of each, -1 for padding.
  std::vector<std::int64_t> qk_places() const;
  std::vector<std::int64_t> vo_places() const;

  std::int64_t parameter_count() const;
  // Of one example with so many queries and keys.
  std::int64_t multiply_adds(std::int64_t queries, std::int64_t keys) const;
};

// A site that holds all channels of all heads.
AttentionSite dense_site(std::int64_t heads, std::int64_t head_dim, double scale);

}  // namespace espalier::nn
