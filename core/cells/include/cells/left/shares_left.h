// How much of each head a mask leaves.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

// From 0, nothing, to 1, every channel; one a head. `qk` and `vo`: channels that are left, head by head. A head is as wide
// as `head_dim`, or as the widest that is left where that is more or not known (0).
std::vector<double> shares_left(const std::vector<std::int64_t>& qk, const std::vector<std::int64_t>& vo,
                                std::int64_t head_dim);

}  // namespace espalier
