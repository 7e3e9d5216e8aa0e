// Scores a unit by how strongly the loss of a batch reacts to a gate on it (after Michel, Levy and Neubig, 2019).
#include <espalier/scorer.h>
#include <espalier/tensor.h>

namespace {

class BatchGate final : public espalier::Scorer {
 public:
  explicit BatchGate(const espalier::Settings& settings) : power_(settings.get<double>("power")) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]

    while (const auto batch = task.batches.next()) {
      auto gates = task.model.open_gates({task.units.count()});  // [units], all one
      task.model.losses(*batch, task.units, gates).mean().backward();
      sum += gates.grad().abs().pow(power_).to(at::kCPU, at::kDouble);
    }

    return sum;  // larger means keep
  }

 private:
  double power_;
};

}  // namespace

ESPALIER_SCORER(BatchGate, "batch-gate", "1.0.0", "Absolute gradient of a batch's mean loss at each unit's gate",
                espalier::needs_data | espalier::in_file_order,
                espalier::Setting{espalier::host::split, "train", "split the batches come from", "train|validation"},
                espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::batch, 32, "examples a batch", "1.."},
                espalier::Setting{"power", 1.0, "of each absolute gradient, before they are added", "0<.."})
