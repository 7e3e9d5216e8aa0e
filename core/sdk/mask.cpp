#include <ATen/TensorOperators.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ones.h>
#include <espalier/units.h>

#include "words/digest.h"

namespace espalier {

Mask::Mask() = default;
Mask::Mask(Mask&&) noexcept = default;
Mask& Mask::operator=(Mask&&) noexcept = default;
Mask::~Mask() = default;

Mask::Mask(const std::vector<Site>& sites) {
  for (const auto& site : sites) {
    SiteMask mask;
    for (auto& kept : mask.kept) kept = at::ones({site.heads, site.head_dim}, at::kBool);  // [heads, head_dim]
    sites_.push_back(std::move(mask));
  }
}

Mask::Mask(const Mask& other) {
  for (const auto& site : other.sites_) {
    SiteMask copy;
    for (const auto projection : all_projections) copy.of(projection) = site.of(projection).clone();
    sites_.push_back(std::move(copy));
  }
}

Mask& Mask::operator=(const Mask& other) {
  if (this != &other) *this = Mask(other);
  return *this;
}

Mask Mask::closure() const {
  Mask closed;
  for (const auto& site : sites_) {
    const auto vo = site.of(Projection::V).logical_and(site.of(Projection::O));  // [heads, head_dim]
    const auto head_lives = vo.any(1, /*keepdim=*/true);                         // [heads, 1]
    const auto qk =
        site.of(Projection::Q).logical_and(site.of(Projection::K)).logical_and(head_lives);  // [heads, head_dim]
    closed.sites_.push_back({{qk, qk.clone(), vo, vo.clone()}});
  }
  return closed;
}

Mask Mask::intersected(const Mask& other) const {
  Mask both;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    SiteMask site;
    for (const auto projection : all_projections)
      site.of(projection) = sites_[i].of(projection).logical_and(other.sites_.at(i).of(projection));
    both.sites_.push_back(std::move(site));
  }
  return both;
}

bool Mask::keeps_everything() const {
  for (const auto& site : sites_) {
    for (const auto& kept : site.kept) {
      if (!kept.all().item<bool>()) return false;
    }
  }
  return true;
}

bool Mask::operator==(const Mask& other) const {
  if (sites_.size() != other.sites_.size()) return false;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    for (const auto projection : all_projections) {
      if (!sites_[i].of(projection).equal(other.sites_[i].of(projection))) return false;
    }
  }
  return true;
}

std::string Mask::digest() const {
  Sha256 digest;
  for (const auto& site : sites_) {
    for (const auto& kept : site.kept) {
      const auto bits = kept.contiguous();
      digest.update(std::to_string(bits.size(0)) + 'x' + std::to_string(bits.size(1)) + ' ');
      digest.update(bits.const_data_ptr<bool>(), static_cast<std::size_t>(bits.numel()));
    }
  }
  return digest.hex();
}

}  // namespace espalier
