// Sites of models that exist, and small ones.
#pragma once

#include <espalier/units.h>

#include <string>
#include <utility>
#include <vector>

namespace espalier::test {

// `layers` sites of one kind.
inline std::vector<Site> layers(std::int64_t layers, std::int64_t heads, std::int64_t head_dim,
                                std::int64_t model_width, SiteKind kind = SiteKind::EncoderSelf) {
  std::vector<Site> sites;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    sites.push_back({"layer." + std::to_string(layer), kind, heads, head_dim, model_width, {true, true, true, true}});
  }
  return sites;
}

// Two sites of different shapes and kinds: 2 heads of 3 over 5 features, 3 heads of 2 over 4 features.
inline std::vector<Site> uneven() {
  auto sites = layers(1, 2, 3, 5);
  sites.push_back(layers(1, 3, 2, 4, SiteKind::DecoderCross).front());
  return sites;
}

}  // namespace espalier::test
