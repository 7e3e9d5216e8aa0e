#include "audio/augmentation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace espalier::audio {
namespace {

// Beta(alpha, alpha) for alpha of any size (Johnk, 1964).
double symmetric_beta(double alpha, Random& random) {
  while (true) {
    const double x = std::pow(random.uniform(), 1 / alpha), y = std::pow(random.uniform(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
    // Both powers underflow where alpha is tiny: then it is a coin.
    if (x + y == 0) return random.uniform() < 0.5 ? 0 : 1;
  }
}

std::int64_t below(std::int64_t count, Random& random) {
  return std::min(static_cast<std::int64_t>(random.uniform() * static_cast<double>(count)), count - 1);
}

// Blanks a band of random width and place along one dimension of an example.
void blank(at::Tensor example, std::int64_t dimension, std::int64_t widest, Random& random) {
  const auto size = example.size(dimension);
  const auto width = below(std::min(widest, size) + 1, random);
  if (width > 0) example.narrow(dimension, below(size - width + 1, random), width).zero_();
}

}  // namespace

Augmented augment(const at::Tensor& features, const at::Tensor& targets, const AugmentationSettings& settings,
                  Random& random) {
  Augmented result{features.clone(), targets};
  const auto examples = features.size(0);
  if (settings.mixup > 0) {
    std::vector<float> share;
    for (std::int64_t i = 0; i < examples; ++i)
      share.push_back(static_cast<float>(symmetric_beta(settings.mixup, random)));
    const auto own = at::tensor(share);  // [examples]
    const auto partner = at::tensor(random.permutation(examples));
    const auto wide = own.view({-1, 1, 1}), narrow = own.view({-1, 1});
    result.features = features * wide + features.index_select(0, partner) * (1 - wide);
    result.targets = targets * narrow + targets.index_select(0, partner) * (1 - narrow);
  }
  for (std::int64_t i = 0; i < examples; ++i) {
    auto example = result.features[i];  // [frames, mel bins]
    if (settings.shift > 0) example.copy_(example.roll(below(2 * settings.shift + 1, random) - settings.shift, 0));
    if (settings.frequency_mask > 0) blank(example, 1, settings.frequency_mask, random);
    if (settings.time_mask > 0) blank(example, 0, settings.time_mask, random);
    if (settings.noise > 0) {
      const auto amplitude = random.uniform() * settings.noise;
      auto noise = random.uniform(example.numel()).view(example.sizes());  // [frames, mel bins]
      example.add_(noise.to(at::kFloat), amplitude);
    }
  }
  return result;
}

}  // namespace espalier::audio
