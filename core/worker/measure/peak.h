// What a device does at best: multiply-adds a second of matrix products, measured.
#pragma once

#include <cstdint>

#include "nn/device.h"

namespace espalier::worker {

struct Peak {
  double multiply_adds_a_second = 0;
  std::int64_t size = 0;  // of the square matrices that reached it
};

// In float32, with the threads that are set.
Peak measured_peak(const nn::Device& device);

}  // namespace espalier::worker
