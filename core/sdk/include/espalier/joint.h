// Scorers that may be computed in one pass with others: what several ask of one batch is computed once.
//
// The host runs such scorers side by side over equal batches, one of them at a time: where one asks its model for something,
// it may wait while others compute. Scores are the same numbers as alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include <espalier/export.h>
#include <espalier/model.h>
#include <espalier/units.h>

namespace espalier {

// A scorer that is one says: I write into nothing that I am shown (batches, gradients, activities), I leave LibTorch's global
// settings and the process alone, and score() does not care on which thread it is called.
//   class Entropy final : public espalier::Scorer, public espalier::SharesPasses
class ESPALIER_SDK_API SharesPasses {
 public:
  virtual ~SharesPasses();
};

// What the losses of a batch are made to before their gradient is taken.
enum class LossOfBatch { Sum, Mean };

// A model that takes gradients at gates together with other gradients.
class ESPALIER_SDK_API GateGradients {
 public:
  virtual ~GateGradients();
  virtual at::Tensor gate_gradients(const Batch& batch, const Units& units, const std::vector<std::int64_t>& shape,
                                    LossOfBatch loss) = 0;
};

// The gradient at open gates of this shape (PrunableModel::open_gates), where the model is: what open_gates(), losses() and
// backward() give, in a form that the host can take together with what other scorers ask of the batch.
ESPALIER_SDK_API at::Tensor gate_gradients(PrunableModel& model, const Batch& batch, const Units& units,
                                           const std::vector<std::int64_t>& shape, LossOfBatch loss);

}  // namespace espalier
