#include <ATen/TensorOperators.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ones.h>
#include <espalier/units.h>

#include <numeric>
#include <utility>

#include "words/digest.h"

namespace espalier {

namespace {

// Undefined where there is none.
at::Tensor copy_of(const at::Tensor& kept) { return kept.defined() ? kept.clone() : at::Tensor(); }

}  // namespace

Mask::Mask() = default;
Mask::Mask(Mask&&) noexcept = default;
Mask& Mask::operator=(Mask&&) noexcept = default;
Mask::~Mask() = default;

std::int64_t Site::channels(Projection projection) const {
  if (!has(projection)) return 0;
  const auto& own = widths(projection);
  return own.empty() ? heads * head_dim : std::accumulate(own.begin(), own.end(), std::int64_t{0});
}

at::Tensor Site::held(Projection projection) const {
  if (!has(projection)) return {};
  const auto held = at::ones({heads, head_dim}, at::kBool);  // [heads, head_dim]
  if (widths(projection).empty()) return held;
  for (std::int64_t head = 0; head < heads; ++head) {
    const auto own = width(projection, head);
    held[head].narrow(0, own, head_dim - own).fill_(false);
  }
  return held;
}

Mask::Mask(const std::vector<Site>& sites) {
  bool narrower = false;
  for (const auto& site : sites) {
    SiteMask mask;
    for (const auto projection : all_projections) mask.of(projection) = site.held(projection);
    sites_.push_back(std::move(mask));
    narrower = narrower || !site.qk_widths.empty() || !site.vo_widths.empty();
  }
  if (narrower) held_ = Mask(*this).sites_;
}

Mask::Mask(const Mask& other) : held_(other.held_) {
  for (const auto& site : other.sites_) {
    SiteMask copy;
    for (const auto projection : all_projections) copy.of(projection) = copy_of(site.of(projection));
    sites_.push_back(std::move(copy));
  }
}

Mask& Mask::operator=(const Mask& other) {
  if (this != &other) *this = Mask(other);
  return *this;
}

const at::Tensor* Mask::held(std::size_t site, Projection projection) const {
  return held_.empty() ? nullptr : &held_[site].of(projection);
}

Mask Mask::closure() const {
  Mask closed;
  closed.held_ = held_;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const auto both = [&](Projection one, Projection other) {
      if (!sites_[i].of(one).defined() || !sites_[i].of(other).defined()) return at::Tensor();
      const auto kept = sites_[i].of(one).logical_and(sites_[i].of(other));  // [heads, head_dim]
      return held_.empty() ? kept : kept.logical_and(*held(i, one));
    };
    const auto vo = both(Projection::V, Projection::O);  // [heads, head_dim]
    auto qk = both(Projection::Q, Projection::K);        // [heads, head_dim]
    if (qk.defined()) qk = qk.logical_and(vo.any(1, /*keepdim=*/true));
    closed.sites_.push_back({{qk, copy_of(qk), vo, copy_of(vo)}});
  }
  return closed;
}

Mask Mask::intersected(const Mask& other) const {
  Mask both;
  both.held_ = held_.empty() ? other.held_ : held_;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    SiteMask site;
    for (const auto projection : all_projections) {
      auto& kept = site.of(projection);
      if (!sites_[i].of(projection).defined()) continue;
      kept = sites_[i].of(projection).logical_and(other.sites_.at(i).of(projection));
      if (const auto* held = both.held(i, projection)) kept.logical_and_(*held);
    }
    both.sites_.push_back(std::move(site));
  }
  return both;
}

bool Mask::keeps_everything() const {
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    for (const auto projection : all_projections) {
      const auto& kept = sites_[i].of(projection);
      if (!kept.defined()) continue;
      const auto* held = this->held(i, projection);
      // What is not held is neither kept nor removed.
      if (!(held == nullptr ? kept : kept.logical_or(held->logical_not())).all().item<bool>()) return false;
    }
  }
  return true;
}

bool Mask::operator==(const Mask& other) const {
  if (sites_.size() != other.sites_.size()) return false;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    for (const auto projection : all_projections) {
      const auto &own = sites_[i].of(projection), &others = other.sites_[i].of(projection);
      if (own.defined() != others.defined() || (own.defined() && !own.equal(others))) return false;
    }
  }
  return true;
}

std::string Mask::digest() const {
  Sha256 digest;
  for (const auto& site : sites_) {
    for (const auto& kept : site.kept) {
      if (!kept.defined()) {
        digest.update(std::string("none "));
        continue;
      }
      const auto bits = kept.contiguous();
      digest.update(std::to_string(bits.size(0)) + 'x' + std::to_string(bits.size(1)) + ' ');
      digest.update(bits.const_data_ptr<bool>(), static_cast<std::size_t>(bits.numel()));
    }
  }
  return digest.hex();
}

}  // namespace espalier
