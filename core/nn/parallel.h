// Work shared by threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <cstdint>

namespace espalier::nn {

// at::parallel_for for bodies that compute with tensors. What the calling thread has set for itself (autocast and its
// type, inference mode, whether gradients are recorded) holds in the body on every thread; at::parallel_for alone leaves
// it behind, and a body would compute in another arithmetic on one thread than on two.
template <typename Body>
void in_parallel(std::int64_t begin, std::int64_t end, std::int64_t grain, const Body& body) {
  const at::ThreadLocalState state;
  at::parallel_for(begin, end, grain, [&](std::int64_t first, std::int64_t last) {
    const at::ThreadLocalStateGuard as_outside(state);
    body(first, last);
  });
}

}  // namespace espalier::nn
