#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/units.h>

#include <algorithm>
#include <utility>

#include "words/cell_settings.h"
#include "words/names.h"

namespace espalier {
namespace {

struct GranularityName {
  Granularity granularity;
  const char* name;
};
constexpr GranularityName granularity_names[] = {{Granularity::Head, "head"},
                                                 {Granularity::HeadChannel, "head-channel"},
                                                 {Granularity::SameChannel, "same-channel"},
                                                 {Granularity::QChannel, "q-channel"},
                                                 {Granularity::KChannel, "k-channel"},
                                                 {Granularity::VChannel, "v-channel"},
                                                 {Granularity::OChannel, "o-channel"},
                                                 {Granularity::ProjectionChannel, "projection-channel"}};

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

// Units of one kind at one site, as a shape: heads alone, channels alone, or both.
std::vector<std::int64_t> shape_of(const Site& site, Granularity granularity) {
  if (granularity == Granularity::Head) return {site.heads};
  if (granularity == Granularity::SameChannel) return {site.head_dim};
  return {site.heads, site.head_dim};
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

}  // namespace

const char* to_string(SiteKind kind) {
  constexpr const char* names[] = {"encoder-self", "decoder-self", "decoder-cross"};
  return names[static_cast<std::size_t>(kind)];
}

const char* to_string(Projection projection) {
  constexpr const char* names[] = {"q", "k", "v", "o"};
  return names[static_cast<std::size_t>(projection)];
}

const char* to_string(Granularity granularity) {
  for (const auto& entry : granularity_names) {
    if (entry.granularity == granularity) return entry.name;
  }
  return "";
}

Granularity granularity_from(const std::string& name) {
  for (const auto& entry : granularity_names) {
    if (name == entry.name) return entry.granularity;
  }
  throw SettingsError(unknown_name("granularity", name, known_granularities()));
}

ParameterCount count_parameters(const std::vector<Site>& sites, const Mask& mask, bool count_output_bias) {
  ParameterCount count;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& site = sites[i];
    for (const auto projection : all_projections) {
      const bool is_output = projection == Projection::O;
      const bool has_bias = site.has_bias[static_cast<std::size_t>(projection)];
      // An O bias belongs to no channel: it is never removed.
      const std::int64_t of_channel = site.model_width + (has_bias && !is_output ? 1 : 0);
      const std::int64_t always = has_bias && is_output && count_output_bias ? site.model_width : 0;
      count.dense += site.heads * site.head_dim * of_channel + always;
      count.kept +=
          mask.site(static_cast<std::int64_t>(i)).of(projection).sum().item<std::int64_t>() * of_channel + always;
    }
  }
  return count;
}

Units::Units(std::vector<Site> sites, Granularity granularity, const std::string& site_filter)
    : sites_(std::move(sites)), granularity_(granularity) {
  const auto& filters = known_site_filters();
  if (std::find(filters.begin(), filters.end(), site_filter) == filters.end()) {
    throw SettingsError(unknown_name("site filter", site_filter, filters));
  }
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const auto& site = sites_[i];
    const bool chosen = site_filter == "all" || site_filter == to_string(site.kind) ||
                        (site_filter == "self" && site.kind != SiteKind::DecoderCross);
    if (!chosen) continue;
    const auto index = static_cast<std::int64_t>(i);
    for (const auto kind : kinds_of(granularity)) {
      if (granularity == Granularity::SameChannel) {
        for (std::int64_t channel = 0; channel < site.head_dim; ++channel) units_.push_back({index, kind, -1, channel});
        continue;
      }
      for (std::int64_t head = 0; head < site.heads; ++head) {
        if (granularity == Granularity::Head) {
          units_.push_back({index, kind, head, -1});
          continue;
        }
        for (std::int64_t channel = 0; channel < site.head_dim; ++channel)
          units_.push_back({index, kind, head, channel});
      }
    }
  }
  if (units_.empty()) {
    std::vector<std::string> kinds;
    for (const auto& site : sites_) {
      if (std::find(kinds.begin(), kinds.end(), to_string(site.kind)) == kinds.end())
        kinds.emplace_back(to_string(site.kind));
    }
    throw SettingsError("sites = \"" + site_filter + "\" leaves no attention site of this model\n    its sites: " +
                        (kinds.empty() ? "none" : join(kinds)));
  }
}

Units::~Units() = default;

at::Tensor Units::reduce(const std::vector<std::array<at::Tensor, 4>>& values) const {
  auto sums = at::zeros({count()}, at::kDouble);  // [units]
  std::int64_t begin = 0;
  while (begin < count()) {
    // All units of one kind at one site stand together.
    const auto& first = (*this)[begin];
    const auto& site = sites_[static_cast<std::size_t>(first.site)];
    const auto shape = shape_of(site, granularity_);
    auto sum = at::zeros(shape, at::kDouble);
    for (const auto projection : projections_of(first.kind)) {
      auto value = values.at(static_cast<std::size_t>(first.site))[static_cast<std::size_t>(projection)].to(
          at::kCPU, at::kDouble);
      if (value.dim() == 3) value = value.sum(-1);                         // [heads, head_dim]
      if (granularity_ == Granularity::Head) value = value.sum(1);         // [heads]
      if (granularity_ == Granularity::SameChannel) value = value.sum(0);  // [head_dim]
      sum += value;
    }
    sums.narrow(0, begin, product(shape)).copy_(sum.flatten());
    begin += product(shape);
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
  std::int64_t begin = 0;
  while (begin < count()) {
    const auto& first = (*this)[begin];
    const auto& site = sites_[static_cast<std::size_t>(first.site)];
    const auto shape = shape_of(site, granularity_);
    auto part = flags.narrow(0, begin, product(shape)).view(shape);
    if (granularity_ == Granularity::Head) part = part.unsqueeze(1);         // [heads, 1]
    if (granularity_ == Granularity::SameChannel) part = part.unsqueeze(0);  // [1, head_dim]
    for (const auto projection : projections_of(first.kind)) {
      mask.site(first.site).of(projection).copy_(part.expand({site.heads, site.head_dim}));
    }
    begin += product(shape);
  }
  return mask;
}

at::Tensor Units::remaining(const Mask& mask) const {
  std::vector<std::array<at::Tensor, 4>> values;
  for (std::int64_t i = 0; i < mask.size(); ++i) values.push_back(mask.site(i).kept);
  return reduce(values).gt(0);
}

}  // namespace espalier
