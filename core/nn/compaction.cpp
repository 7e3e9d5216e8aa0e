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

// Which row of the old order holds each of the frame's places that are wanted; -1 where none does.
std::vector<std::int64_t> rows_of(const Places& wanted, const Places& held, std::int64_t frame) {
  std::vector<std::int64_t> row(static_cast<std::size_t>(frame), -1);
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i] >= 0) row[static_cast<std::size_t>(held[i])] = static_cast<std::int64_t>(i);
  }
  std::vector<std::int64_t> rows;
  rows.reserve(wanted.size());
  for (const auto place : wanted) rows.push_back(place < 0 ? -1 : row[static_cast<std::size_t>(place)]);
  return rows;
}

// Rows or columns of a tensor by number, zeros for -1: gathered at once, with one index for the tensors that share it.
class Gather {
 public:
  Gather(const std::vector<std::int64_t>& places, const at::Device& device) {
    std::vector<std::int64_t> present;
    const auto absent = at::empty({static_cast<std::int64_t>(places.size())}, at::kBool);
    auto* is_absent = absent.mutable_data_ptr<bool>();
    bool any_absent = false;
    for (const auto place : places) {
      present.push_back(std::max<std::int64_t>(place, 0));
      *is_absent++ = place < 0;
      any_absent = any_absent || place < 0;
    }
    index_ = at::tensor(present, at::kLong).to(device, /*non_blocking=*/true);
    if (any_absent) absent_ = absent.to(device, /*non_blocking=*/true);
  }

  Tensor rows(const Tensor& tensor) const { return gathered(tensor, 0); }
  Tensor columns(const Tensor& tensor) const { return gathered(tensor, 1); }

 private:
  Tensor gathered(const Tensor& tensor, std::int64_t dim) const {
    if (tensor.size(dim) == 0) {
      auto shape = tensor.sizes().vec();
      shape[static_cast<std::size_t>(dim)] = index_.size(0);
      return tensor.new_zeros(shape);
    }
    auto taken = tensor.index_select(dim, index_);
    if (absent_.defined()) taken.masked_fill_(tensor.dim() == 2 && dim == 0 ? absent_.unsqueeze(1) : absent_, 0);
    return taken;
  }

  Tensor index_, absent_;  // [places]; no absent_: all are there
};

// Tokens that attend to each other, for weighing attention against the projections.
constexpr double typical_tokens = 64;

double cost(const HeadGroup& group, double model_width, const DeviceFacts& device) {
  const auto channels = static_cast<double>(group.qk_total() + group.vo_total());
  return channels * (2 * model_width + typical_tokens) + device.group_overhead;
}

// Kernels of packed attention want every width rounded. Others are only quicker by it, where little is padded: narrower heads
// stay as they are.
std::int64_t rounded_up(std::int64_t width, const DeviceFacts& device) {
  const auto multiple = device.width_multiple;
  if (!device.packed_attention && width < 2 * multiple) return width;
  return (width + multiple - 1) / multiple * multiple;
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

std::vector<HeadGroup> grouped(const std::vector<ScaledHead>& heads, std::int64_t model_width,
                               const DeviceFacts& device) {
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
        const double saved =
            cost(groups[a], width, device) + cost(groups[b], width, device) - cost(*both, width, device);
        if (saved > best) std::tie(best, first, second, together) = std::tuple(saved, a, b, *both);
      }
    }
    if (best <= 0) break;
    groups[first] = std::move(together);
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(second));
  }
  std::sort(groups.begin(), groups.end(),
            [](const HeadGroup& a, const HeadGroup& b) { return a.heads[0].index < b.heads[0].index; });
  for (auto& group : groups) {
    group.qk = rounded_up(group.qk, device);
    group.vo = rounded_up(group.vo, device);
  }
  return groups;
}

AttentionSite regrouped(const AttentionSite& site, std::vector<HeadGroup> groups, bool fold_scales) {
  AttentionSite result = site;
  result.groups = std::move(groups);
  const auto frame = site.heads * site.head_dim;
  const auto qk = rows_of(result.qk_places(), site.qk_places(), frame),
             vo = rows_of(result.vo_places(), site.vo_places(), frame);
  const auto queries = site.qk_total();
  // Rows of Q, then of K, then of V, as they lie in the fused matrix.
  std::vector<std::int64_t> rows = qk;
  for (const auto row : qk) rows.push_back(row < 0 ? row : row + queries);
  for (const auto row : vo) rows.push_back(row < 0 ? row : row + 2 * queries);
  const Gather of_qkv(rows, site.output.weight.device()), of_context(vo, site.output.weight.device());
  result.qkv = {of_qkv.rows(site.qkv.weight), site.qkv.bias.defined() ? of_qkv.rows(site.qkv.bias) : Tensor()};
  result.output.weight = of_context.columns(site.output.weight);  // [D, sum of H v]
  if (!fold_scales) return result;
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
  const auto factor = at::tensor(ratio, at::kDouble).to(result.qkv.weight.options());  // [Q]
  const auto count = factor.size(0);
  result.qkv.weight.narrow(0, 0, count).mul_(factor.unsqueeze(1));
  if (result.qkv.bias.defined()) result.qkv.bias.narrow(0, 0, count).mul_(factor);
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
  return regrouped(site, grouped(heads, site.model_width(), facts_of(site.output.weight.device())));
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
