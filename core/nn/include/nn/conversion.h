// The same model in another number format or on another device.
#pragma once

#include <ATen/core/Tensor.h>
#include <nn/model.h>

#include <memory>

namespace espalier::nn {

// Weights as `type`: float64 tells rounding from mistakes. Attention masks follow the weights.
std::unique_ptr<Model> converted(const Model& model, at::ScalarType type, at::Device device = at::kCPU);

}  // namespace espalier::nn
