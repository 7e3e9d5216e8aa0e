// What one pass of a model needs of memory.
#pragma once

#include <cstdint>
#include <functional>

#include "nn/model.h"

namespace espalier::engine {

// The most bytes of tensors that are alive at one time on a device while `work` goes on, beyond those that were there
// before. Counted by what allocates them, so that neither other processes nor what a heap keeps in reserve weigh.
std::int64_t peak_bytes_of(const at::Device& device, const std::function<void()>& work);

// Of one pass: its weights, and what it allocates at most at one time.
std::int64_t pass_bytes(const nn::Model& model, const Batch& batch);

}  // namespace espalier::engine
