// From a mask to zeros, to a smaller site, and back to the frame.
#pragma once

#include <nn/model.h>

#include "nn/attention.h"
#include "nn/device.h"

namespace espalier::nn {

// Zero rows of Q, K, V with their biases, zero columns of O; computed by the same code as the dense site.
AttentionSite masked_site(const AttentionSite& site, const Mask::SiteMask& mask);

// The site without what the mask's closure removes. `closed` is such a closure.
AttentionSite compacted_site(const AttentionSite& site, const Mask::SiteMask& closed, const SoftmaxScale& scale);

// All channels of the frame again, zeros where there are none; computes the same.
AttentionSite expanded_site(const AttentionSite& site);

// Heads as they come, each with its scale, into groups: those of equal widths together, and narrow ones padded where
// that costs less than computing one more group on this kind of device, whose kernels may want rounded widths.
struct ScaledHead {
  Head head;
  double scale = 1;
};
std::vector<HeadGroup> grouped(const std::vector<ScaledHead>& heads, std::int64_t model_width,
                               const DeviceFacts& device);

// The site with these groups; channels that `site` lacks become zeros. Groups may only scale differently from `site`
// where `fold_scales` says so: then Q takes the difference.
AttentionSite regrouped(const AttentionSite& site, std::vector<HeadGroup> groups, bool fold_scales = false);

}  // namespace espalier::nn
