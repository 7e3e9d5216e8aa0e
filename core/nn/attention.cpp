#include "nn/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <limits>
#include <numeric>

#include "gpu/packed_attention.h"
#include "nn/gate_table.h"

namespace espalier::nn {
namespace {

using at::Tensor;

// What a causal segment allows, as an additive mask: [1, 1, T, T].
Tensor causal_mask(const Tensor& like, std::int64_t tokens) {
  const auto lowest = like.scalar_type() == at::kDouble ? std::numeric_limits<double>::lowest()
                                                        : static_cast<double>(std::numeric_limits<float>::lowest());
  return at::full({1, 1, tokens, tokens}, lowest, like.options()).triu_(1);
}

// A head without QK channels has equal scores everywhere: it attends uniformly over the positions allowed.
Tensor uniform_attention(const Tensor& value, const Segment& segment, double dropout) {
  const auto batch = value.size(0), tokens = value.size(1), heads = value.size(2), width = value.size(3);
  const auto attention = segment.causal ? causal_mask(value, tokens) : segment.attention;  // [B, 1, T or 1, S]
  if (dropout > 0) {
    auto weights = attention.defined() ? attention.softmax(-1)
                                       : value.new_full({1, 1, 1, tokens}, 1.0 / static_cast<double>(tokens));
    weights = at::dropout(weights.expand({batch, heads, segment.queries, tokens}), dropout, /*train=*/true);
    return weights.matmul(value.transpose(1, 2)).transpose(1, 2);  // [B, T, H, v]
  }
  const Tensor context =
      attention.defined()
          ? attention.softmax(-1).squeeze(1).matmul(value.reshape({batch, tokens, heads * width}))  // [B, T or 1, H*v]
          : value.mean(1, /*keepdim=*/true);                                                        // [B, 1, H, v]
  return context.reshape({batch, context.size(1), heads, width})
      .expand({batch, segment.queries, heads, width});  // [B, T, H, v]
}

// Scaled dot-product attention (Vaswani et al., 2017, section 3.2.1). The scale is an argument: a pruned head keeps the
// one it was trained with.
Tensor dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value, const Segment& segment,
                             const HeadGroup& group, double dropout) {
  const auto& attention = segment.attention;
  const auto context = at::scaled_dot_product_attention(
      query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2),  // [B, H, T, q], [B, H, S, q], [B, H, S, v]
      attention.defined() ? std::optional<Tensor>(attention.expand({-1, -1, query.size(1), -1})) : std::nullopt,
      dropout, segment.causal, group.scale);  // [B, H, T, v]
  return context.transpose(1, 2);             // [B, T, H, v]
}

// Rows of one segment in a packed tensor.
struct Rows {
  std::int64_t start, examples, tokens;
};

// The columns of one group and one segment of a packed tensor as heads.
Tensor split_heads(const Tensor& packed, const Rows& rows, std::int64_t column, const HeadGroup& group,
                   std::int64_t width, const Tensor& gate) {
  const std::vector<std::int64_t> shape = {rows.examples, rows.tokens, group.size() * width};
  auto part = packed.dim() == 3 ? packed.narrow(2, column, group.size() * width)
                                : packed.narrow(0, rows.start, rows.examples * rows.tokens)
                                      .narrow(1, column, group.size() * width)
                                      .view(shape);  // [B, T, H*w]
  if (gate.defined()) part = part * gate;
  return part.view({rows.examples, rows.tokens, group.size(), width});  // [B, T, H, w]
}

Tensor join(std::vector<Tensor> parts, std::int64_t dim) { return parts.size() == 1 ? parts[0] : at::cat(parts, dim); }

// So many rows of a linear layer, as one of its own.
Linear rows(const Linear& layer, std::int64_t start, std::int64_t count) {
  return {layer.weight.narrow(0, start, count), layer.bias.defined() ? layer.bias.narrow(0, start, count) : Tensor()};
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

Projected AttentionSite::parts(const Tensor& projected) const {
  return {projected, projected, qk_total(), 2 * qk_total()};
}

Tensor AttentionSite::project_query(const Tensor& hidden) const { return rows(qkv, 0, qk_total())(hidden); }

Tensor AttentionSite::project_key_value(const Tensor& memory) const {
  return rows(qkv, qk_total(), qk_total() + vo_total())(memory);
}

Projected AttentionSite::parts(const Tensor& query, const Tensor& key_value) const {
  return {query, key_value, 0, qk_total()};
}

Tensor AttentionSite::attend(const Projected& projected, const Layout& layout, const AttentionPass& pass) const {
  using Target = GateTable::Target;
  if (layout.packing && attends_packed(*this, projected, pass))
    return attend_packed(*this, projected, *layout.packing, pass);
  const auto& segments = layout.segments;
  std::vector<Tensor> contexts;
  for (const auto& segment : segments) {
    const Rows query_rows{segment.query_start, segment.examples, segment.queries};
    const Rows key_rows{segment.key_start, segment.examples, segment.keys};
    std::vector<Tensor> of_groups;
    std::int64_t qk_column = 0, vo_column = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto& group = groups[i];
      const auto gate = [&](Target target) {
        return pass.gates == nullptr ? Tensor() : pass.gates->of(pass.site, i, target, segment);
      };
      const auto value = split_heads(projected.key_value, key_rows, projected.value + vo_column, group, group.vo,
                                     gate(Target::V));  // [B, S, H, v]
      Tensor context;                                   // [B, T, H, v]
      if (group.qk == 0) {
        context = uniform_attention(value, segment, pass.dropout);
      } else {
        const auto query = split_heads(projected.query, query_rows, qk_column, group, group.qk, gate(Target::Q));
        const auto key =
            split_heads(projected.key_value, key_rows, projected.key + qk_column, group, group.qk, gate(Target::K));
        context = dot_product_attention(query, key, value, segment, group, pass.dropout);
      }
      context = context.reshape({segment.examples, segment.queries, group.vo_total()});  // [B, T, H*v]
      if (const auto scale = gate(Target::Context); scale.defined()) context = context * scale;
      of_groups.push_back(context);
      qk_column += group.qk_total();
      vo_column += group.vo_total();
    }
    if (of_groups.empty()) {
      contexts.push_back(projected.query.new_empty({segment.examples * segment.queries, 0}));
    } else {
      contexts.push_back(
          join(std::move(of_groups), 2).reshape({segment.examples * segment.queries, vo_column}));  // [B*T, sum of H v]
    }
  }
  return join(std::move(contexts), 0);  // [N, sum of H v]
}

Tensor AttentionSite::write(const Tensor& context) const {
  if (!groups.empty()) return output(context);
  return output.bias.defined() ? output.bias.expand({context.size(0), -1}).clone()
                               : context.new_zeros({context.size(0), model_width()});
}

std::vector<std::int64_t> AttentionSite::qk_places() const { return places(*this, &HeadGroup::qk, &Head::qk); }
std::vector<std::int64_t> AttentionSite::vo_places() const { return places(*this, &HeadGroup::vo, &Head::vo); }

std::int64_t AttentionSite::parameter_count() const {
  const auto width = model_width();
  const auto bias = [&](Projection projection) { return has_bias[static_cast<std::size_t>(projection)] ? 1 : 0; };
  std::int64_t count = bias(Projection::O) * width;
  for (const auto& group : groups) {
    for (const auto& head : group.heads) {
      count += static_cast<std::int64_t>(head.qk.size()) * (2 * width + bias(Projection::Q) + bias(Projection::K)) +
               static_cast<std::int64_t>(head.vo.size()) * (2 * width + bias(Projection::V));
    }
  }
  return count;
}

std::int64_t AttentionSite::multiply_adds(std::int64_t queries, std::int64_t keys) const {
  std::int64_t count = (queries + keys) * model_width() * (qk_total() + vo_total());
  for (const auto& group : groups) {
    count += group.qk == 0 ? keys * group.vo_total() : queries * keys * (group.qk_total() + group.vo_total());
  }
  return count;
}

Layout first_queries(Layout layout, std::int64_t count) {
  for (auto& segment : layout.segments) {
    segment.query_start = segment.first_example * count;
    segment.queries = count;
  }
  if (layout.packing) layout.packing = first_queries(*layout.packing, count);
  return layout;
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
