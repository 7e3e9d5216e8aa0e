#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/units.h>

#include <algorithm>
#include <utility>

#include "words/names.h"

namespace espalier {
namespace {

// The kinds of unit a granularity cuts a site into, in order.
std::vector<UnitKind> kinds_of(Granularity granularity) {
  switch (granularity) {
    case Granularity::Head: return {UnitKind::Head};
    case Granularity::HeadChannel:
    case Granularity::SameChannel: return {UnitKind::QK, UnitKind::VO};
    case Granularity::QChannel: return {UnitKind::Q};
    case Granularity::KChannel: return {UnitKind::K};
    case Granularity::VChannel: return {UnitKind::V};
    case Granularity::OChannel: return {UnitKind::O};
    case Granularity::ProjectionChannel: return {UnitKind::Q, UnitKind::K, UnitKind::V, UnitKind::O};
  }
  return {};
}

std::vector<Projection> projections_of(UnitKind kind) {
  switch (kind) {
    case UnitKind::Head: return {all_projections.begin(), all_projections.end()};
    case UnitKind::QK: return {Projection::Q, Projection::K};
    case UnitKind::VO: return {Projection::V, Projection::O};
    case UnitKind::Q: return {Projection::Q};
    case UnitKind::K: return {Projection::K};
    case UnitKind::V: return {Projection::V};
    case UnitKind::O: return {Projection::O};
  }
  return {};
}

// Channels of one kind that a head holds.
std::int64_t width_of(const Site& site, UnitKind kind, std::int64_t head) {
  return site.width(projections_of(kind).front(), head);
}

// The units of one kind that a site holds, in order.
void add_units(std::vector<Unit>& units, const Site& site, std::int64_t index, UnitKind kind, Granularity granularity) {
  std::int64_t widest = 0;
  for (std::int64_t head = 0; head < site.heads; ++head) {
    if (kind == UnitKind::Head) {
      if (site.width(Projection::Q, head) + site.width(Projection::V, head) > 0)
        units.push_back({index, kind, head, -1});
      continue;
    }
    const auto width = width_of(site, kind, head);
    widest = std::max(widest, width);
    for (std::int64_t channel = 0; granularity != Granularity::SameChannel && channel < width; ++channel)
      units.push_back({index, kind, head, channel});
  }
  for (std::int64_t channel = 0; granularity == Granularity::SameChannel && channel < widest; ++channel)
    units.push_back({index, kind, -1, channel});
}

// Units of one kind at one site stand together.
struct Block {
  std::int64_t begin = 0, count = 0;
};

std::vector<Block> blocks_of(const std::vector<Unit>& units) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool goes_on = i > 0 && units[i].site == units[i - 1].site && units[i].kind == units[i - 1].kind;
    if (!goes_on) blocks.push_back({static_cast<std::int64_t>(i), 0});
    ++blocks.back().count;
  }
  return blocks;
}

// Where a unit lies in its site's frame.
std::int64_t place_of(const Unit& unit, const Site& site) {
  if (unit.channel < 0) return unit.head;
  return unit.head < 0 ? unit.channel : unit.head * site.head_dim + unit.channel;
}

// The frame of units of one kind at one site, as a shape: heads alone, channels alone, or both.
std::vector<std::int64_t> shape_of(const Site& site, Granularity granularity) {
  if (granularity == Granularity::Head) return {site.heads};
  if (granularity == Granularity::SameChannel) return {site.head_dim};
  return {site.heads, site.head_dim};
}

using SiteValues = std::vector<std::array<at::Tensor, 4>>;

// The same values on the CPU, what was elsewhere summed to one number a channel: one transfer for all.
SiteValues fetched(SiteValues values) {
  std::vector<at::Tensor*> elsewhere;
  std::vector<at::Tensor> flat;
  for (auto& site : values) {
    for (auto& value : site) {
      if (!value.defined() || value.is_cpu()) continue;
      value = value.dim() == 3 ? value.sum({2}, /*keepdim=*/false, at::kDouble) : value.to(at::kDouble);
      elsewhere.push_back(&value);
      flat.push_back(value.flatten());
    }
  }
  if (elsewhere.empty()) return values;
  const auto all = at::cat(flat).cpu();
  std::int64_t begin = 0;
  for (auto* value : elsewhere) {
    const auto count = value->numel();
    *value = all.narrow(0, begin, count).view(value->sizes());
    begin += count;
  }
  return values;
}

}  // namespace

ParameterCount count_parameters(const std::vector<Site>& sites, const Mask& mask, bool count_output_bias) {
  ParameterCount count;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& site = sites[i];
    for (const auto projection : all_projections) {
      if (!site.has(projection)) continue;
      const bool is_output = projection == Projection::O;
      const bool has_bias = site.has_bias[static_cast<std::size_t>(projection)];
      // An O bias belongs to no channel: it is never removed.
      const std::int64_t of_channel = site.model_width + (has_bias && !is_output ? 1 : 0);
      const std::int64_t always = has_bias && is_output && count_output_bias ? site.model_width : 0;
      const auto& kept = mask.site(static_cast<std::int64_t>(i)).of(projection);  // [heads, head_dim]
      count.dense += site.channels(projection) * of_channel + always;
      count.kept += kept.logical_and(site.held(projection)).sum().item<std::int64_t>() * of_channel + always;
    }
  }
  return count;
}

Units::Units(std::vector<Site> sites, Granularity granularity, const std::string& filter)
    : Units(std::move(sites), granularity, from_name<SiteFilter>(filter)) {}

Units::Units(std::vector<Site> sites, Granularity granularity, SiteFilter filter)
    : sites_(std::move(sites)), granularity_(granularity) {
  const std::string written = to_string(filter);
  bool any_chosen = false;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const auto& site = sites_[i];
    if (!site.attends() || !chooses(filter, site.kind)) continue;
    any_chosen = true;
    for (const auto kind : kinds_of(granularity))
      add_units(units_, site, static_cast<std::int64_t>(i), kind, granularity);
  }
  if (units_.empty() && any_chosen) {
    throw SettingsError("sites = \"" + written + "\" has nothing left to prune by granularity " +
                        to_string(granularity) + ": its sites hold no such " +
                        (granularity == Granularity::Head ? "head" : "channel"));
  }
  if (units_.empty()) {
    std::vector<std::string> kinds;
    for (const auto& site : sites_) {
      if (site.attends() && std::find(kinds.begin(), kinds.end(), to_string(site.kind)) == kinds.end())
        kinds.emplace_back(to_string(site.kind));
    }
    throw SettingsError("sites = \"" + written + "\" leaves no attention site of this model\n    its sites: " +
                        (kinds.empty() ? "none" : join(kinds)));
  }
}

Units::~Units() = default;

at::Tensor Units::reduce(const std::vector<std::array<at::Tensor, 4>>& given) const {
  const auto values = fetched(given);
  auto sums = at::zeros({count()}, at::kDouble);  // [units]
  for (const auto& block : blocks_of(units_)) {
    const auto& first = (*this)[block.begin];
    const auto& site = sites_[static_cast<std::size_t>(first.site)];
    auto sum = at::zeros(shape_of(site, granularity_), at::kDouble);
    for (const auto projection : projections_of(first.kind)) {
      if (!site.has(projection)) continue;
      auto value = values.at(static_cast<std::size_t>(first.site))[static_cast<std::size_t>(projection)].to(
          at::kCPU, at::kDouble);
      if (value.dim() == 3) value = value.sum(-1);  // [heads, head_dim]
      if (!site.widths(projection).empty()) value = value.masked_fill(site.held(projection).logical_not(), 0);
      if (granularity_ == Granularity::Head) value = value.sum(1);         // [heads]
      if (granularity_ == Granularity::SameChannel) value = value.sum(0);  // [head_dim]
      sum += value;
    }
    const auto flat = sum.flatten();
    const auto* from = flat.const_data_ptr<double>();
    auto* to = sums.mutable_data_ptr<double>();
    for (auto i = block.begin; i < block.begin + block.count; ++i) to[i] = from[place_of((*this)[i], site)];
  }
  return sums;
}

at::Tensor Units::weight_counts() const {
  std::vector<std::array<at::Tensor, 4>> ones;
  for (const auto& site : sites_) {
    const auto weights = at::ones({site.heads, site.head_dim}, at::kDouble) *
                         static_cast<double>(site.model_width);  // [heads, head_dim]
    ones.push_back({weights, weights, weights, weights});
  }
  return reduce(ones);
}

Mask Units::mask(const at::Tensor& kept) const {
  Mask mask(sites_);
  const auto flags = kept.to(at::kCPU, at::kBool).contiguous();  // [units]
  const auto* flag = flags.const_data_ptr<bool>();
  for (const auto& block : blocks_of(units_)) {
    const auto& first = (*this)[block.begin];
    const auto& site = sites_[static_cast<std::size_t>(first.site)];
    auto part = at::zeros(shape_of(site, granularity_), at::kBool);
    auto* keeps = part.mutable_data_ptr<bool>();
    for (auto i = block.begin; i < block.begin + block.count; ++i) keeps[place_of((*this)[i], site)] = flag[i];
    if (granularity_ == Granularity::Head) part = part.unsqueeze(1);         // [heads, 1]
    if (granularity_ == Granularity::SameChannel) part = part.unsqueeze(0);  // [1, head_dim]
    for (const auto projection : projections_of(first.kind)) {
      if (site.has(projection))
        mask.site(first.site).of(projection).logical_and_(part.expand({site.heads, site.head_dim}));
    }
  }
  return mask;
}

at::Tensor Units::remaining(const Mask& mask) const {
  std::vector<std::array<at::Tensor, 4>> values;
  for (std::int64_t i = 0; i < mask.size(); ++i) values.push_back(mask.site(i).kept);
  return reduce(values).gt(0);
}

}  // namespace espalier
