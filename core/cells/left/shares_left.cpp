#include "cells/left/shares_left.h"

#include <algorithm>

namespace espalier {

std::vector<double> shares_left(const std::vector<std::int64_t>& qk, const std::vector<std::int64_t>& vo,
                                std::int64_t head_dim) {
  std::int64_t most = head_dim;
  for (const auto* channels : {&qk, &vo}) {
    for (const auto count : *channels) most = std::max(most, count);
  }
  std::vector<double> shares;
  for (std::size_t head = 0; head < vo.size(); ++head) {
    const auto left = vo[head] + (head < qk.size() ? qk[head] : 0);
    shares.push_back(most > 0 ? static_cast<double>(left) / static_cast<double>(2 * most) : 0);
  }
  return shares;
}

}  // namespace espalier
