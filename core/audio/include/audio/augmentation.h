// Training augmentation of features as AST's recipe has it (Gong et al., 2021): mixup, SpecAugment masks, noise, shift.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/model.h>

#include <cstdint>

namespace espalier::audio {

struct AugmentationSettings {
  double mixup = 0;                                // alpha of Beta(alpha, alpha); 0: off
  std::int64_t frequency_mask = 0, time_mask = 0;  // widest band of bins and of frames that is blanked
  std::int64_t shift = 0;                          // furthest roll in frames, either way
  double noise = 0;                                // largest amplitude; each example draws its own below it

  bool any() const { return mixup > 0 || frequency_mask > 0 || time_mask > 0 || shift > 0 || noise > 0; }
};

struct Augmented {
  at::Tensor features;  // [examples, frames, mel bins]
  at::Tensor targets;   // [examples, classes], real
};

// features [examples, frames, mel bins]; targets [examples, classes], real. Each example is mixed with another of the
// batch, lambda x + (1 - lambda) x', and so are its targets.
Augmented augment(const at::Tensor& features, const at::Tensor& targets, const AugmentationSettings& settings,
                  Random& random);

}  // namespace espalier::audio
