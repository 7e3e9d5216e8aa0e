#include "packed_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "nn/device.h"
#include "nn/gate_table.h"

namespace espalier::nn {
namespace {

using at::Tensor;
using Target = GateTable::Target;

// Kernels read rows of heads that begin at multiples of so many bytes.
constexpr std::int64_t alignment_bytes = 16;
// The widest heads that flash attention takes.
constexpr std::int64_t flash_width = 256;
// Width of the zeros that stand for queries and keys of heads without QK channels: equal scores everywhere.
constexpr std::int64_t no_channels = 8;

bool is_half(const Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
}

// [N of the queries, H, v] of [N, H, q], [N of the keys, H, q] and [N of the keys, H, v].
Tensor attended(const Tensor& query, const Tensor& key, const Tensor& value, const Packing& packing, double scale,
                double dropout) {
  const auto width = query.size(2);
  if (is_half(value) && width == value.size(2) && width % 8 == 0 && width <= flash_width) {
    return std::get<0>(at::_flash_attention_forward(query, key, value, packing.query_offsets, packing.key_offsets,
                                                    packing.longest_query, packing.longest_key, dropout,
                                                    /*is_causal=*/false, /*return_debug_mask=*/false, scale));
  }
  const bool differentiable =
      at::GradMode::is_enabled() && (query.requires_grad() || key.requires_grad() || value.requires_grad());
  return std::get<0>(at::_efficient_attention_forward(
                         query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), {}, packing.query_offsets,
                         packing.key_offsets, packing.longest_query, packing.longest_key, dropout,
                         /*custom_mask_type=*/0, /*compute_log_sumexp=*/differentiable, scale))
      .squeeze(0);
}

}  // namespace

std::shared_ptr<const Packing> packing_of(const std::vector<Segment>& segments, const at::Device& device) {
  if (!facts_of(device).packed_attention || segments.size() < 2) return nullptr;
  auto packing = std::make_shared<Packing>();
  std::vector<std::int32_t> offsets = {0};
  for (const auto& segment : segments) {
    if (segment.attention.defined() || segment.causal || segment.queries != segment.keys) return nullptr;
    for (std::int64_t example = 0; example < segment.examples; ++example)
      offsets.push_back(offsets.back() + static_cast<std::int32_t>(segment.keys));
    packing->longest_key = std::max(packing->longest_key, segment.keys);
  }
  packing->examples = static_cast<std::int64_t>(offsets.size()) - 1;
  packing->longest_query = packing->longest_key;
  packing->key_offsets = at::tensor(offsets, at::kInt).to(device, /*non_blocking=*/true);
  packing->query_offsets = packing->key_offsets;
  return packing;
}

std::shared_ptr<const Packing> first_queries(const Packing& packing, std::int64_t count) {
  auto first = std::make_shared<Packing>(packing);
  first->query_offsets = at::arange(0, (packing.examples + 1) * count, count, packing.key_offsets.options());
  first->longest_query = count;
  return first;
}

bool attends_packed(const AttentionSite& site, const Projected& projected, const AttentionPass& pass) {
  if (pass.gates != nullptr && !pass.gates->by_unit()) return false;
  const auto channels = alignment_bytes / static_cast<std::int64_t>(projected.query.element_size());
  const auto fits = [&](std::int64_t width) { return width % channels == 0; };
  return !site.groups.empty() && projected.query.dim() == 2 && fits(projected.query.size(1)) &&
         fits(projected.key_value.size(1)) && fits(projected.key) && fits(projected.value) &&
         std::all_of(site.groups.begin(), site.groups.end(),
                     [&](const HeadGroup& group) { return fits(group.qk) && fits(group.vo); });
}

Tensor attend_packed(const AttentionSite& site, const Projected& projected, const Packing& packing,
                     const AttentionPass& pass) {
  const auto queries = projected.query.size(0), keys = projected.key_value.size(0);
  std::vector<Tensor> contexts;
  std::int64_t qk_column = 0, vo_column = 0;
  for (std::size_t i = 0; i < site.groups.size(); ++i) {
    const auto& group = site.groups[i];
    const auto gate = [&](Target target) {
      return pass.gates == nullptr ? Tensor() : pass.gates->of(pass.site, i, target, {});
    };
    const auto heads = [&](const Tensor& packed, std::int64_t column, std::int64_t width, Target target) {
      auto part = packed.narrow(1, column, group.size() * width);  // [N, H*w]
      if (const auto factor = gate(target); factor.defined()) part = (part * factor).to(packed.scalar_type());
      return part.view({packed.size(0), group.size(), width});  // [N, H, w]
    };
    const auto value = heads(projected.key_value, projected.value + vo_column, group.vo, Target::V);
    Tensor query, key;
    if (group.qk == 0) {
      query = value.new_zeros({queries, group.size(), no_channels});
      key = value.new_zeros({keys, group.size(), no_channels});
    } else {
      query = heads(projected.query, qk_column, group.qk, Target::Q);
      key = heads(projected.key_value, projected.key + qk_column, group.qk, Target::K);
    }
    auto context = attended(query, key, value, packing, group.scale, pass.dropout)
                       .reshape({queries, group.vo_total()});  // [N, H*v]
    if (const auto factor = gate(Target::Context); factor.defined()) context = context * factor;
    contexts.push_back(std::move(context));
    qk_column += group.qk_total();
    vo_column += group.vo_total();
  }
  return contexts.size() == 1 ? contexts[0] : at::cat(contexts, 1);  // [N, sum of H v]
}

}  // namespace espalier::nn
