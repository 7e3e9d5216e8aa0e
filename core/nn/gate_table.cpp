#include "nn/gate_table.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/tensor.h>
#include <espalier/error.h>

#include <algorithm>

#include "nn/text.h"

namespace espalier::nn {
namespace {

using Target = GateTable::Target;

Target target_of(UnitKind kind) {
  switch (kind) {
    case UnitKind::Q:
    case UnitKind::QK: return Target::Q;
    case UnitKind::K: return Target::K;
    case UnitKind::V: return Target::V;
    case UnitKind::Head:
    case UnitKind::VO:
    case UnitKind::O: return Target::Context;
  }
  return Target::Context;
}

void check(const Gates& gates, const std::vector<const AttentionSite*>& sites, std::int64_t examples) {
  const auto& shape = gates.values.sizes();
  const bool fits = gates.values.is_floating_point() && !shape.empty() && shape.size() <= 3 &&
                    shape.back() == gates.units.count() && (shape.size() == 1 || shape[0] == examples);
  if (!fits) {
    throw PluginError("gates of shape " + shape_text(shape) + " do not fit\n    expected real numbers of shape [" +
                      std::to_string(gates.units.count()) + "], [" + std::to_string(examples) + ", " +
                      std::to_string(gates.units.count()) + "] or [" + std::to_string(examples) + ", tokens, " +
                      std::to_string(gates.units.count()) + "]");
  }
  const auto& spoken = gates.units.sites();
  const bool same = spoken.size() == sites.size() &&
                    std::equal(spoken.begin(), spoken.end(), sites.begin(), [](const Site& a, const AttentionSite* b) {
                      return a.heads == b->heads && a.head_dim == b->head_dim;
                    });
  if (!same) throw PluginError("the units belong to another model: its sites differ");
}

// Which gate each of these places has; empty where all are open.
std::vector<std::int64_t> gates_of_places(const std::vector<std::int64_t>& unit_of, std::int64_t open,
                                          const std::vector<std::int64_t>& places) {
  std::vector<std::int64_t> index;
  bool gated = false;
  for (const auto place : places) {
    index.push_back(place < 0 ? open : unit_of[static_cast<std::size_t>(place)]);
    gated = gated || index.back() != open;
  }
  return gated ? index : std::vector<std::int64_t>();
}

}  // namespace

GateTable::GateTable(const Gates& gates, const std::vector<const AttentionSite*>& sites, std::int64_t examples,
                     const at::TensorOptions& like) {
  check(gates, sites, examples);
  const auto open = gates.units.count();
  // Gates of plugins are on the CPU; their gradients come back there.
  const auto values = gates.values.to(like.device(), c10::typeMetaToScalarType(like.dtype()));
  values_ = at::constant_pad_nd(values, {0, 1}, 1);  // [..., units + 1]

  // Each channel of each target has at most one unit, whatever the granularity.
  std::vector<std::array<std::vector<std::int64_t>, 4>> unit_of(sites.size());
  for (std::size_t site = 0; site < sites.size(); ++site) {
    for (auto& units : unit_of[site])
      units.assign(static_cast<std::size_t>(sites[site]->heads * sites[site]->head_dim), open);
  }
  for (std::int64_t u = 0; u < open; ++u) {
    const auto& unit = gates.units[u];
    const auto& site = *sites[static_cast<std::size_t>(unit.site)];
    auto& units = unit_of[static_cast<std::size_t>(unit.site)][static_cast<std::size_t>(target_of(unit.kind))];
    const auto heads = unit.head < 0 ? std::pair(std::int64_t{0}, site.heads) : std::pair(unit.head, unit.head + 1);
    const auto channels =
        unit.channel < 0 ? std::pair(std::int64_t{0}, site.head_dim) : std::pair(unit.channel, unit.channel + 1);
    for (auto head = heads.first; head < heads.second; ++head) {
      for (auto channel = channels.first; channel < channels.second; ++channel) {
        units[static_cast<std::size_t>(head * site.head_dim + channel)] = u;
      }
    }
  }
  std::vector<std::int64_t> all;  // the indices of every group and target, one after the other: copied at once
  std::vector<std::array<std::int64_t, 4>> counts;
  for (std::size_t site = 0; site < sites.size(); ++site) {
    const auto qk = sites[site]->qk_places(), vo = sites[site]->vo_places();
    index_.emplace_back(sites[site]->groups.size());
    std::ptrdiff_t qk_start = 0, vo_start = 0;
    for (const auto& group : sites[site]->groups) {
      const std::vector<std::int64_t> of_qk(qk.begin() + qk_start, qk.begin() + qk_start + group.qk_total());
      const std::vector<std::int64_t> of_vo(vo.begin() + vo_start, vo.begin() + vo_start + group.vo_total());
      qk_start += group.qk_total();
      vo_start += group.vo_total();
      auto& count = counts.emplace_back();
      for (std::size_t target = 0; target < count.size(); ++target) {
        const auto index = gates_of_places(unit_of[site][target], open, target < 2 ? of_qk : of_vo);
        count[target] = static_cast<std::int64_t>(index.size());
        all.insert(all.end(), index.begin(), index.end());
      }
    }
  }
  const auto indices = at::tensor(all, at::kLong).to(values_.device(), /*non_blocking=*/true);
  std::int64_t begin = 0;
  auto count = counts.begin();
  for (auto& groups : index_) {
    for (auto& targets : groups) {
      for (std::size_t target = 0; target < targets.size(); ++target) {
        const auto length = (*count)[target];
        if (length > 0) targets[target] = indices.narrow(0, begin, length);
        begin += length;
      }
      ++count;
    }
  }
}

at::Tensor GateTable::of(std::int64_t site, std::size_t group, Target target, const Segment& segment) const {
  const auto& index = index_[static_cast<std::size_t>(site)][group][static_cast<std::size_t>(target)];
  if (!index.defined()) return {};
  if (values_.dim() == 1) return values_.index_select(0, index);  // [H*w]
  const auto part = values_.narrow(0, segment.first_example, segment.examples);
  if (values_.dim() == 2) return part.index_select(1, index).unsqueeze(1);  // [B, 1, H*w]
  const auto length = target == Target::K || target == Target::V ? segment.keys : segment.queries;
  if (values_.size(1) != length) {
    throw PluginError("gates for " + std::to_string(values_.size(1)) + " tokens do not fit a batch of " +
                      std::to_string(length) + " tokens");
  }
  return part.index_select(2, index);  // [B, T, H*w]
}

}  // namespace espalier::nn
