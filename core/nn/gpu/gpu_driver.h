// NVIDIA's driver, asked without CUDA: which GPUs answer, or why none does. Loading LibTorch's CUDA takes seconds.
#pragma once

#include <string>
#include <vector>

#include "nn/device.h"

namespace espalier::nn {

class GpuDriver {
 public:
  // Loads libcuda.so.1, which comes with the driver, and keeps it.
  GpuDriver();

  const std::vector<DeviceRecord>& gpus() const { return gpus_; }
  const std::string& version() const { return version_; }
  // Where there is no GPU.
  const std::string& why_not() const { return why_not_; }

 private:
  std::vector<DeviceRecord> gpus_;
  std::string version_, why_not_;
};

}  // namespace espalier::nn
