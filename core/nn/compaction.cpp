#include "nn/compaction.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

namespace espalier::nn {
namespace {

using at::Tensor;
using Places = std::vector<std::int64_t>;

// True where a row of the frame is kept, in the order of `places`; padding counts as kept: it is zero already.
Tensor kept_rows(const Tensor& mask, const Places& places) {
  const auto flat = mask.reshape({-1});
  const auto* kept = flat.const_data_ptr<bool>();
  const auto rows = at::empty({static_cast<std::int64_t>(places.size())}, at::kBool);
  auto* row = rows.mutable_data_ptr<bool>();
  for (const auto place : places) *row++ = place < 0 || kept[place];
  return rows;
}

Tensor zeroed(const Tensor& tensor, const Tensor& kept) {
  const auto dead = kept.logical_not().to(tensor.device());
  return tensor.masked_fill(tensor.dim() == 1 ? dead : dead.unsqueeze(1), 0);
}

// Which row of the old order holds each place of the new order; -1 where none does.
std::vector<std::int64_t> rows_of(const Places& wanted, const Places& held) {
  std::map<std::int64_t, std::int64_t> row;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i] >= 0) row[held[i]] = static_cast<std::int64_t>(i);
  }
  std::vector<std::int64_t> rows;
  for (const auto place : wanted) {
    const auto found = row.find(place);
    rows.push_back(found == row.end() ? -1 : found->second);
  }
  return rows;
}

// Rows of a matrix (or of a bias) by number; zeros for -1.
Tensor taken(const Tensor& tensor, const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows, tensor.options().dtype(at::kLong));
  if (tensor.size(0) == 0) {
    auto shape = tensor.sizes().vec();
    shape[0] = index.size(0);
    return tensor.new_zeros(shape);
  }
  const auto absent = index.lt(0);
  return tensor.index_select(0, index.clamp_min(0)).masked_fill(tensor.dim() == 1 ? absent : absent.unsqueeze(1), 0);
}

// Multiply-adds per token that one more group costs: an attention call of its own for a batch, measured at about
// 25 microseconds for some 400 tokens.
constexpr double group_overhead = 2000;
// Tokens that attend to each other, for weighing attention against the projections.
constexpr double typical_tokens = 64;

double cost(const HeadGroup& group, double model_width) {
  const auto channels = static_cast<double>(group.qk_total() + group.vo_total());
  return channels * (2 * model_width + typical_tokens) + group_overhead;
}

std::optional<HeadGroup> merged(const HeadGroup& a, const HeadGroup& b) {
  if (a.qk > 0 && b.qk > 0 && a.scale != b.scale) return std::nullopt;
  HeadGroup both{
      .heads = a.heads, .qk = std::max(a.qk, b.qk), .vo = std::max(a.vo, b.vo), .scale = a.qk > 0 ? a.scale : b.scale};
  both.heads.insert(both.heads.end(), b.heads.begin(), b.heads.end());
  std::sort(both.heads.begin(), both.heads.end(), [](const Head& x, const Head& y) { return x.index < y.index; });
  return both;
}

// The closure's own channels of one head, out of those the site holds.
std::vector<std::int64_t> kept_channels(const std::vector<std::int64_t>& held, const Tensor& mask, std::int64_t head) {
  const auto row = mask.select(0, head).contiguous();
  const auto* kept = row.const_data_ptr<bool>();
  std::vector<std::int64_t> channels;
  for (const auto channel : held) {
    if (kept[channel]) channels.push_back(channel);
  }
  return channels;
}

double scale_of(const HeadGroup& group, std::size_t width, const SoftmaxScale& scale) {
  switch (scale.kind) {
    case SoftmaxScale::Kind::Original: return group.scale;
    case SoftmaxScale::Kind::PrunedWidth: return width == 0 ? group.scale : 1 / std::sqrt(static_cast<double>(width));
    case SoftmaxScale::Kind::Number: return scale.number;
  }
  return group.scale;
}

}  // namespace

std::vector<HeadGroup> grouped(const std::vector<ScaledHead>& heads, std::int64_t model_width) {
  std::map<std::tuple<std::size_t, std::size_t, double>, HeadGroup> equal;
  for (const auto& [head, scale] : heads) {
    auto& group = equal[{head.qk.size(), head.vo.size(), scale}];
    group.qk = static_cast<std::int64_t>(head.qk.size());
    group.vo = static_cast<std::int64_t>(head.vo.size());
    group.scale = scale;
    group.heads.push_back(head);
  }
  std::vector<HeadGroup> groups;
  groups.reserve(equal.size());
  for (auto& [key, group] : equal) groups.push_back(std::move(group));

  const auto width = static_cast<double>(model_width);
  while (groups.size() > 1) {
    double best = 0;
    std::size_t first = 0, second = 0;
    HeadGroup together;
    for (std::size_t a = 0; a < groups.size(); ++a) {
      for (std::size_t b = a + 1; b < groups.size(); ++b) {
        const auto both = merged(groups[a], groups[b]);
        if (!both) continue;
        const double saved = cost(groups[a], width) + cost(groups[b], width) - cost(*both, width);
        if (saved > best) std::tie(best, first, second, together) = std::tuple(saved, a, b, *both);
      }
    }
    if (best <= 0) break;
    groups[first] = std::move(together);
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(second));
  }
  std::sort(groups.begin(), groups.end(),
            [](const HeadGroup& a, const HeadGroup& b) { return a.heads[0].index < b.heads[0].index; });
  return groups;
}

AttentionSite regrouped(const AttentionSite& site, std::vector<HeadGroup> groups, bool fold_scales) {
  AttentionSite result = site;
  result.groups = std::move(groups);
  const auto qk = rows_of(result.qk_places(), site.qk_places()), vo = rows_of(result.vo_places(), site.vo_places());
  const auto queries = site.qk_total(), values = site.vo_total();
  const auto block = [&](const Tensor& fused) {
    return std::array<Tensor, 3>{taken(fused.narrow(0, 0, queries), qk), taken(fused.narrow(0, queries, queries), qk),
                                 taken(fused.narrow(0, 2 * queries, values), vo)};
  };
  const bool biased = site.qkv.bias.defined();
  auto weights = block(site.qkv.weight);
  auto biases = biased ? block(site.qkv.bias) : std::array<Tensor, 3>{};
  if (fold_scales) {
    // Scale of each old row over that of the row's new group.
    std::map<std::int64_t, double> old_scale;
    for (const auto& group : site.groups) {
      for (const auto& head : group.heads) old_scale[head.index] = group.scale;
    }
    std::vector<double> ratio;
    for (const auto& group : result.groups) {
      for (const auto& head : group.heads) {
        const auto found = old_scale.find(head.index);
        ratio.insert(ratio.end(), static_cast<std::size_t>(group.qk),
                     found == old_scale.end() ? 1.0 : found->second / group.scale);
      }
    }
    const auto factor = at::tensor(ratio, weights[0].options());
    weights[0] = weights[0] * factor.unsqueeze(1);
    if (biased) biases[0] = biases[0] * factor;
  }
  result.qkv = {at::cat({weights[0], weights[1], weights[2]}),
                biased ? at::cat({biases[0], biases[1], biases[2]}) : Tensor()};
  result.output.weight = taken(site.output.weight.t(), vo).t().contiguous();  // [D, sum of H v]
  return result;
}

AttentionSite masked_site(const AttentionSite& site, const Mask::SiteMask& mask) {
  const auto qk = site.qk_places(), vo = site.vo_places();
  const auto rows = at::cat({kept_rows(mask.of(Projection::Q), qk), kept_rows(mask.of(Projection::K), qk),
                             kept_rows(mask.of(Projection::V), vo)});
  const auto columns = kept_rows(mask.of(Projection::O), vo);
  if (rows.all().item<bool>() && columns.all().item<bool>()) return site;
  AttentionSite result = site;
  result.qkv = {zeroed(site.qkv.weight, rows), site.qkv.bias.defined() ? zeroed(site.qkv.bias, rows) : Tensor()};
  result.output.weight = site.output.weight.masked_fill(columns.logical_not().to(site.output.weight.device()), 0);
  return result;
}

AttentionSite compacted_site(const AttentionSite& site, const Mask::SiteMask& closed, const SoftmaxScale& scale) {
  std::vector<ScaledHead> heads;
  bool changed = false;
  for (const auto& group : site.groups) {
    for (const auto& head : group.heads) {
      ScaledHead kept{{head.index, kept_channels(head.qk, closed.of(Projection::Q), head.index),
                       kept_channels(head.vo, closed.of(Projection::V), head.index)},
                      1};
      kept.scale = scale_of(group, kept.head.qk.size(), scale);
      changed = changed || kept.head.qk.size() != head.qk.size() || kept.head.vo.size() != head.vo.size() ||
                kept.scale != group.scale;
      if (!kept.head.vo.empty()) heads.push_back(std::move(kept));
    }
  }
  if (!changed) return site;
  std::sort(heads.begin(), heads.end(),
            [](const ScaledHead& a, const ScaledHead& b) { return a.head.index < b.head.index; });
  return regrouped(site, grouped(heads, site.model_width()));
}

AttentionSite expanded_site(const AttentionSite& site) {
  if (site.is_dense()) return site;
  double scale = 1;
  for (const auto& group : site.groups) {
    if (group.qk > 0) scale = group.scale;
  }
  auto dense = dense_site(site.heads, site.head_dim, scale);
  return regrouped(site, std::move(dense.groups), /*fold_scales=*/true);
}

}  // namespace espalier::nn
