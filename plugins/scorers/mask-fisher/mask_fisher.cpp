// Diagonal Fisher information of a mask on the units (Kwon et al., 2022):
//
//   I = sum over mini-batches of (dL / d mask)^2
//
// with L the mini-batch's mean loss: one gradient a mini-batch, as the authors' code takes it.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class MaskFisher final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit MaskFisher(const espalier::Settings&) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]
    bool any = false;
    while (const auto batch = task.batches.next()) {
      const auto gradient = espalier::gate_gradients(task.model, *batch, task.units, {task.units.count()},
                                                     espalier::LossOfBatch::Mean);  // [units]
      sum += gradient.to(at::kCPU, at::kDouble).square();
      any = true;
    }
    if (!any) throw espalier::InputError("mask-fisher was given no examples");
    espalier::require_gradients(sum);
    return sum;
  }
};

}  // namespace

ESPALIER_SCORER(MaskFisher, "mask-fisher", "1.0.0", "Squared gradient at each unit's gate, summed over mini-batches",
                espalier::needs_data | espalier::in_file_order,
                espalier::Setting{espalier::host::samples, 2048, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "train", "split the gradients come from", "train|validation"},
                espalier::Setting{espalier::host::batch, 32, "examples a mini-batch", "1.."}, ESPALIER_LOSS_SETTINGS)
