#include "measure/peak.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cmath>
#include <vector>

#include "measure/clock.h"
#include "nn/arithmetic.h"

namespace espalier::worker {
namespace {

constexpr double seconds_a_size = 0.4;

}  // namespace

Peak measured_peak(const nn::Device& device) {
  const c10::InferenceMode inference;
  const nn::ComputeGuard arithmetic(ComputeType::Float32, device.place);
  const auto sizes =
      device.is_cpu() ? std::vector<std::int64_t>{512, 1024, 2048} : std::vector<std::int64_t>{2048, 4096, 8192};
  Peak peak;
  for (const auto size : sizes) {
    const auto factor = at::ones({size, size}, at::TensorOptions(at::kFloat).device(device.place));
    auto product = at::mm(factor, factor);  // [size, size]; the first one is slower than those that follow
    nn::synchronize(device.place);
    // The quickest of several: what else the machine does only makes it slower.
    for (const auto begun = Clock::now(); seconds_since(begun) < seconds_a_size;) {
      const auto once = Clock::now();
      at::mm_out(product, factor, factor);
      nn::synchronize(device.place);
      const double rate = std::pow(static_cast<double>(size), 3) / seconds_since(once);
      if (rate > peak.multiply_adds_a_second) peak = {rate, size};
    }
  }
  return peak;
}

}  // namespace espalier::worker
