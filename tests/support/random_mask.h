// Masks that leave any channels of any sites.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <espalier/units.h>

#include <vector>

namespace espalier::test {

// Every channel of every projection kept with this chance, one by one.
inline Mask random_mask(const std::vector<Site>& sites, double kept, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  Mask mask(sites);
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    for (auto& tensor : mask.site(site).kept) tensor = at::zeros(tensor.sizes()).uniform_(0, 1, generator).lt(kept);
  }
  return mask;
}

}  // namespace espalier::test
