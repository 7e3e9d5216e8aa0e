// The arithmetic of a thread: which one a cell asks for, and how work shared by threads keeps to it.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <cstdint>

#include "cells/vocabulary.h"

namespace espalier::nn {

// What a cell asks for, for as long as the guard lives: float32, or bfloat16 products on float32 weights.
class ComputeGuard {
 public:
  explicit ComputeGuard(ComputeType type);
  ~ComputeGuard();
  ComputeGuard(const ComputeGuard&) = delete;
  ComputeGuard& operator=(const ComputeGuard&) = delete;

 private:
  bool was_enabled_;
};

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
