// Gradients of several kinds from one pass of a batch.
#pragma once

#include <espalier/model.h>

#include <array>
#include <vector>

namespace espalier::nn {

struct BatchGradients {
  std::vector<std::array<at::Tensor, 4>> weights;  // as PrunableModel::gradients gives them
  at::Tensor gates;                                // [units]
};

// A PrunableModel that takes both at once.
class JointGradients {
 public:
  virtual ~JointGradients() = default;
  // Of the batch's mean loss, by every attention weight and by one open gate a unit: the very numbers that each gives alone.
  virtual BatchGradients gradients_with_gates(const Batch& batch, const Units& units) = 0;
};

}  // namespace espalier::nn
