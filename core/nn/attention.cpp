#include "attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <numeric>

#include "gate_table.h"

namespace espalier::nn {
namespace {

using at::Tensor;

// A head without QK channels has equal scores everywhere: it attends uniformly over the positions allowed.
Tensor uniform_attention(const Tensor& value, const Tensor& attention, std::int64_t queries, double dropout) {
  const auto batch = value.size(0), tokens = value.size(1), heads = value.size(2), width = value.size(3);
  if (dropout > 0) {
    auto weights = attention.defined() ? attention.softmax(-1)
                                       : value.new_full({1, 1, 1, tokens}, 1.0 / static_cast<double>(tokens));
    weights = at::dropout(weights.expand({batch, heads, queries, tokens}), dropout, /*train=*/true);  // [B, H, T, S]
    return weights.matmul(value.transpose(1, 2)).transpose(1, 2);                                     // [B, T, H, v]
  }
  const Tensor context =
      attention.defined()
          ? attention.softmax(-1).squeeze(1).matmul(value.reshape({batch, tokens, heads * width}))  // [B, 1, H*v]
          : value.mean(1, /*keepdim=*/true);                                                        // [B, 1, H, v]
  return context.reshape({batch, 1, heads, width}).expand({batch, queries, heads, width});          // [B, T, H, v]
}

// Scaled dot-product attention (Vaswani et al., 2017, section 3.2.1). The scale is an argument: a pruned head keeps the
// one it was trained with.
Tensor dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& attention,
                             const HeadGroup& group, double dropout) {
  const auto context = at::scaled_dot_product_attention(
      query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2),  // [B, H, T, q], [B, H, S, q], [B, H, S, v]
      attention.defined() ? std::optional<Tensor>(attention.expand({-1, -1, query.size(1), -1})) : std::nullopt,
      dropout,
      /*is_causal=*/false, group.scale);  // [B, H, T, v]
  return context.transpose(1, 2);         // [B, T, H, v]
}

// The columns of one group and one segment of a packed tensor as heads.
Tensor split_heads(const Tensor& packed, const Segment& segment, std::int64_t tokens, std::int64_t column,
                   const HeadGroup& group, std::int64_t width, const Tensor& gate) {
  const auto start = tokens == segment.tokens ? segment.start : segment.first_example;
  auto part = packed.narrow(0, start, segment.examples * tokens).narrow(1, column, group.size() * width);  // [B*T, H*w]
  part = part.view({segment.examples, tokens, group.size() * width});  // [B, T, H*w]
  if (gate.defined()) part = part * gate;
  return part.view({segment.examples, tokens, group.size(), width});  // [B, T, H, w]
}

Tensor join(std::vector<Tensor> parts, std::int64_t dim) { return parts.size() == 1 ? parts[0] : at::cat(parts, dim); }

struct Projected {
  Tensor query;             // [queries of all segments, sum of H q]
  Tensor key_value;         // [N, ...]
  std::int64_t key, value;  // first columns in key_value
  bool first_only = false;  // one query an example
};

Tensor context_of(const AttentionSite& site, const Projected& projected, const std::vector<Segment>& segments,
                  const AttentionPass& pass) {
  using Target = GateTable::Target;
  std::vector<Tensor> contexts;
  for (const auto& segment : segments) {
    const auto queries = projected.first_only ? 1 : segment.tokens;
    std::vector<Tensor> parts;
    std::int64_t qk_column = 0, vo_column = 0;
    for (std::size_t i = 0; i < site.groups.size(); ++i) {
      const auto& group = site.groups[i];
      const auto gate = [&](Target target) {
        return pass.gates == nullptr ? Tensor() : pass.gates->of(pass.site, i, target, segment);
      };
      const auto value = split_heads(projected.key_value, segment, segment.tokens, projected.value + vo_column, group,
                                     group.vo, gate(Target::V));
      Tensor context;
      if (group.qk == 0) {
        context = uniform_attention(value, segment.attention, queries, pass.dropout);
      } else {
        const auto query = split_heads(projected.query, segment, queries, qk_column, group, group.qk, gate(Target::Q));
        const auto key = split_heads(projected.key_value, segment, segment.tokens, projected.key + qk_column, group,
                                     group.qk, gate(Target::K));
        context = dot_product_attention(query, key, value, segment.attention, group, pass.dropout);
      }
      context = context.reshape({segment.examples, queries, group.vo_total()});  // [B, T, H*v]
      if (const auto scale = gate(Target::Context); scale.defined()) context = context * scale;
      parts.push_back(context);
      qk_column += group.qk_total();
      vo_column += group.vo_total();
    }
    contexts.push_back(
        join(std::move(parts), 2).reshape({segment.examples * queries, vo_column}));  // [B*T, sum of H v]
  }
  return join(std::move(contexts), 0);  // [N, sum of H v]
}

std::vector<std::int64_t> places(const AttentionSite& site, std::int64_t HeadGroup::*width,
                                 std::vector<std::int64_t> Head::*channels) {
  std::vector<std::int64_t> all;
  for (const auto& group : site.groups) {
    for (const auto& head : group.heads) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(group.*width); ++i) {
        all.push_back(i < (head.*channels).size() ? head.index * site.head_dim + (head.*channels)[i] : -1);
      }
    }
  }
  return all;
}

}  // namespace

std::int64_t AttentionSite::qk_total() const {
  return std::accumulate(groups.begin(), groups.end(), std::int64_t{0},
                         [](auto sum, const auto& group) { return sum + group.qk_total(); });
}

std::int64_t AttentionSite::vo_total() const {
  return std::accumulate(groups.begin(), groups.end(), std::int64_t{0},
                         [](auto sum, const auto& group) { return sum + group.vo_total(); });
}

bool AttentionSite::is_dense() const {
  if (groups.size() != 1 || groups[0].size() != heads) return false;
  for (std::int64_t i = 0; i < heads; ++i) {
    const auto& head = groups[0].heads[static_cast<std::size_t>(i)];
    if (head.index != i || static_cast<std::int64_t>(head.qk.size()) != head_dim ||
        static_cast<std::int64_t>(head.vo.size()) != head_dim) {
      return false;
    }
  }
  return true;
}

Tensor AttentionSite::project(const Tensor& hidden) const { return qkv(hidden); }

Tensor AttentionSite::attend(const Tensor& projected, const std::vector<Segment>& segments,
                             const AttentionPass& pass) const {
  if (groups.empty()) return projected.new_empty({projected.size(0), 0});
  return context_of(*this, {projected, projected, qk_total(), 2 * qk_total()}, segments, pass);
}

Tensor AttentionSite::write(const Tensor& context) const {
  if (groups.empty()) return output.bias.expand({context.size(0), -1}).clone();
  return output(context);
}

Tensor AttentionSite::first_tokens(const Tensor& hidden, const Tensor& first, const std::vector<Segment>& segments,
                                   double dropout) const {
  if (groups.empty()) return output.bias.expand({first.size(0), -1}).clone();
  const auto queries = qk_total(), rest = qkv.weight.size(0) - queries;
  const auto query = at::linear(first, qkv.weight.narrow(0, 0, queries), qkv.bias.narrow(0, 0, queries));
  const auto key_value = at::linear(hidden, qkv.weight.narrow(0, queries, rest), qkv.bias.narrow(0, queries, rest));
  AttentionPass pass;
  pass.dropout = dropout;
  return output(context_of(*this, {query, key_value, 0, queries, /*first_only=*/true}, segments, pass));
}

std::vector<std::int64_t> AttentionSite::qk_places() const { return places(*this, &HeadGroup::qk, &Head::qk); }
std::vector<std::int64_t> AttentionSite::vo_places() const { return places(*this, &HeadGroup::vo, &Head::vo); }

std::int64_t AttentionSite::parameter_count() const {
  const auto width = model_width();
  std::int64_t count = width;
  for (const auto& group : groups) {
    for (const auto& head : group.heads) {
      count += static_cast<std::int64_t>(head.qk.size()) * 2 * (width + 1) +
               static_cast<std::int64_t>(head.vo.size()) * (2 * width + 1);
    }
  }
  return count;
}

std::int64_t AttentionSite::multiply_adds(std::int64_t tokens) const {
  std::int64_t count = tokens * model_width() * 2 * (qk_total() + vo_total());
  for (const auto& group : groups) {
    count += group.qk == 0 ? tokens * group.vo_total() : tokens * tokens * (group.qk_total() + group.vo_total());
  }
  return count;
}

AttentionSite dense_site(std::int64_t heads, std::int64_t head_dim, double scale) {
  AttentionSite site;
  site.heads = heads;
  site.head_dim = head_dim;
  std::vector<std::int64_t> channels(static_cast<std::size_t>(head_dim));
  std::iota(channels.begin(), channels.end(), std::int64_t{0});
  HeadGroup group{.qk = head_dim, .vo = head_dim, .scale = scale};
  for (std::int64_t head = 0; head < heads; ++head) {
    site.original_heads.push_back(head);
    group.heads.push_back({head, channels, channels});
  }
  if (heads > 0) site.groups.push_back(std::move(group));
  return site;
}

}  // namespace espalier::nn
