// One attention call over packed examples of all lengths: variable-length attention, as GPUs have it.
#pragma once

#include <memory>

#include "nn/attention.h"

namespace espalier::nn {

// Whether a site can be computed so: widths and rows begin where the kernels want them, and gates are the same for all
// examples.
bool attends_packed(const AttentionSite& site, const Projected& projected, const AttentionPass& pass);

// What AttentionSite::attend gives: [N of the queries, sum of H v].
at::Tensor attend_packed(const AttentionSite& site, const Projected& projected, const Packing& packing,
                         const AttentionPass& pass);

std::shared_ptr<const Packing> first_queries(const Packing& packing, std::int64_t count);

}  // namespace espalier::nn
