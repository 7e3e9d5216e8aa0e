// Where a model attends (sites), how sites are cut into the smallest things kept or pruned as one (units), and what
// stays (masks).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <espalier/export.h>
#include <espalier/vocabulary.h>

namespace espalier {

inline constexpr std::array<Projection, 4> all_projections = {Projection::Q, Projection::K, Projection::V,
                                                              Projection::O};

// One attention module, as the checkpoint holds it; or, where a model has such sites, a feed-forward block: V and O alone,
// one head, a channel a neuron. Masks, weights and scores speak of a frame of heads times head_dim channels. Heads of a
// compact checkpoint may be narrower: each holds the first channels of its row of the frame, and what is behind them does
// not exist. It is no unit, no parameter, and no mask keeps it.
struct Site {
  std::string name;  // Hugging Face module path
  SiteKind kind = SiteKind::EncoderSelf;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;                                // of the widest head, in Q and K or in V and O
  std::int64_t model_width = 0;                             // features that Q, K and V read and O writes
  std::array<bool, 4> has_bias = {true, true, true, true};  // by Projection
  // Channels of each head, of Q and K and of V and O; empty: head_dim each.
  std::vector<std::int64_t> qk_widths = {}, vo_widths = {};
  std::array<bool, 4> projections = {true, true, true, true};  // which there are, by Projection

  bool has(Projection projection) const { return projections[static_cast<std::size_t>(projection)]; }
  // Whether it is attention; sites = "all" means those that are.
  bool attends() const { return has(Projection::Q) && has(Projection::K); }

  const std::vector<std::int64_t>& widths(Projection projection) const {
    return projection == Projection::Q || projection == Projection::K ? qk_widths : vo_widths;
  }
  // Channels that a head holds of a projection.
  std::int64_t width(Projection projection, std::int64_t head) const {
    if (!has(projection)) return 0;
    return widths(projection).empty() ? head_dim : widths(projection).at(static_cast<std::size_t>(head));
  }
  ESPALIER_SDK_API std::int64_t channels(Projection projection) const;  // of all heads
  // bool [heads, head_dim]: what exists; undefined where there is no such projection.
  ESPALIER_SDK_API at::Tensor held(Projection projection) const;
};

// Throws SettingsError with the nearest known name.
inline Granularity granularity_from(const std::string& name) { return from_name<Granularity>(name); }

struct Unit {
  std::int64_t site = 0;  // index into Units::sites()
  UnitKind kind = UnitKind::Head;
  std::int64_t head = 0;      // -1: all heads that hold the channel (same-channel)
  std::int64_t channel = -1;  // -1: the whole head
};

// Per site, which channels of which heads of each projection are kept. A value: copies share nothing.
class ESPALIER_SDK_API Mask {
 public:
  struct SiteMask {
    // By Projection: bool [heads, head_dim], on the CPU; undefined where the site has no such projection.
    std::array<at::Tensor, 4> kept;
    at::Tensor& of(Projection projection) { return kept[static_cast<std::size_t>(projection)]; }
    const at::Tensor& of(Projection projection) const { return kept[static_cast<std::size_t>(projection)]; }
  };

  Mask();
  explicit Mask(const std::vector<Site>& sites);  // everything kept that the sites hold
  Mask(const Mask& other);
  Mask& operator=(const Mask& other);
  Mask(Mask&&) noexcept;
  Mask& operator=(Mask&&) noexcept;
  ~Mask();

  std::int64_t size() const { return static_cast<std::int64_t>(sites_.size()); }
  SiteMask& site(std::int64_t index) { return sites_[static_cast<std::size_t>(index)]; }
  const SiteMask& site(std::int64_t index) const { return sites_[static_cast<std::size_t>(index)]; }

  // What compaction keeps: Q and K channels live only together, so do V and O channels; a head without VO channels goes
  // whole; a head without QK channels stays and attends uniformly.
  Mask closure() const;
  bool keeps_everything() const;              // that the sites hold
  Mask intersected(const Mask& other) const;  // what both keep and the sites hold
  bool operator==(const Mask& other) const;
  std::string digest() const;  // SHA-256 over shapes and bits

 private:
  const at::Tensor* held(std::size_t site, Projection projection) const;  // null: all

  std::vector<SiteMask> sites_;
  std::vector<SiteMask> held_;  // what the sites hold, never written; empty where that is all
};

// How many parameters a mask leaves of those that the sites hold: Q, K, V, O weights and Q, K, V biases (and O biases when
// counted).
struct ESPALIER_SDK_API ParameterCount {
  std::int64_t dense = 0;
  std::int64_t kept = 0;
  double sparsity() const { return dense == 0 ? 0.0 : 1.0 - static_cast<double>(kept) / static_cast<double>(dense); }
};
ESPALIER_SDK_API ParameterCount count_parameters(const std::vector<Site>& sites, const Mask& mask,
                                                 bool count_output_bias);

// The units of the chosen sites, of what they hold, in order: site by site, kind by kind (QK before VO; Q, K, V, O), head by head,
// channel by channel. Ties are broken in this order: the lowest goes first.
class ESPALIER_SDK_API Units {
 public:
  // A site that is no attention has no units: no filter chooses it. Throws SettingsError when the filter leaves no site,
  // or its sites no unit.
  Units(std::vector<Site> sites, Granularity granularity, SiteFilter filter = SiteFilter::All);
  // The same by the filter's name.
  Units(std::vector<Site> sites, Granularity granularity, const std::string& filter);
  ~Units();

  Granularity granularity() const { return granularity_; }
  const std::vector<Site>& sites() const { return sites_; }  // all sites of the model, also those without units
  const std::vector<Unit>& all() const { return units_; }
  std::int64_t count() const { return static_cast<std::int64_t>(units_.size()); }
  const Unit& operator[](std::int64_t index) const { return units_[static_cast<std::size_t>(index)]; }

  // Sums per-weight values into units. values: for each site, by Projection, [heads, head_dim, features] (O transposed
  // to that order) or [heads, head_dim] already summed over features; any real type, any device. Biases are not scored,
  // and what a site does not hold adds nothing.
  at::Tensor reduce(const std::vector<std::array<at::Tensor, 4>>& values) const;  // [units], float64, CPU
  // Weights (without biases) of each unit: reduce() of ones.
  at::Tensor weight_counts() const;  // [units], float64, CPU

  // The mask that keeps these units, and everything that no unit speaks of. kept: bool [units].
  Mask mask(const at::Tensor& kept) const;
  // Which units a mask keeps something of: bool [units].
  at::Tensor remaining(const Mask& mask) const;

 private:
  std::vector<Site> sites_;
  Granularity granularity_;
  std::vector<Unit> units_;
};

}  // namespace espalier
