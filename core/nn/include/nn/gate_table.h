// Gates over units, spread over the channels of each site: what to multiply Q, K, V and the context by.
#pragma once

#include <espalier/units.h>
#include <nn/model.h>

#include <array>
#include <cstddef>
#include <vector>

#include "nn/attention.h"

namespace espalier::nn {

class GateTable {
 public:
  enum class Target { Q, K, V, Context };

  // `sites` are the model's own, in the order of its Site list; `examples` those of all segments together; `like`: the
  // model's type and device.
  GateTable(const Gates& gates, const std::vector<const AttentionSite*>& sites, std::int64_t examples,
            const at::TensorOptions& like);

  // Whether all examples have the same gates.
  bool by_unit() const { return values_.dim() == 1; }
  // Whether each token has gates of its own.
  bool by_token() const { return values_.dim() == 3; }

  // For the channels of one group, padding gated by one: [H*w], [B, 1, H*w] or [B, T, H*w]. Undefined: not gated.
  at::Tensor of(std::int64_t site, std::size_t group, Target target, const Segment& segment) const;

 private:
  at::Tensor values_;                                          // the gates and one more that is always open
  std::vector<std::vector<std::array<at::Tensor, 4>>> index_;  // [site][group][target]: which gate each channel has
};

}  // namespace espalier::nn
