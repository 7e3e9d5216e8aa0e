// Diagonal empirical Fisher information of a unit's weights, not times the squared weights (The silence of the weights,
// 2025, section 2):
//
//   F_w = mean of (dL/dw)^2 + damping,   s = sum of F_w over the unit
//
// The mean runs over examples (per-sample) or, as the paper's code does, over the gradients of mini-batch means
// (per-batch); the two are different estimators and carry different names.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/scorer.h>

namespace {

class Fisher final : public espalier::Scorer {
 public:
  explicit Fisher(const espalier::Settings& settings)
      : squares_(settings.get<std::string>("squares") == "per-batch" ? espalier::Squares::PerBatch
                                                                     : espalier::Squares::PerSample),
        batch_(settings.get<std::int64_t>("batch")),
        damping_(settings.get<double>("damping")) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]
    std::int64_t terms = 0;
    while (const auto batch = task.batches.next()) {
      // The paper counts whole mini-batches only: floor(samples / batch) gradients.
      if (squares_ == espalier::Squares::PerBatch && batch->size() < batch_ && terms > 0) break;
      sum += task.model.squared_gradients(*batch, task.units, squares_);
      terms += squares_ == espalier::Squares::PerBatch ? 1 : batch->size();
    }
    if (terms == 0) throw espalier::InputError("fisher was given no examples");
    return sum / static_cast<double>(terms) + damping_ * task.units.weight_counts();
  }

 private:
  espalier::Squares squares_;
  std::int64_t batch_;
  double damping_;
};

}  // namespace

ESPALIER_SCORER(Fisher, "fisher", "1.0.0", "Fisher information: mean squared gradient, summed over a unit's weights",
                espalier::needs_data | espalier::sums_over_channels,
                espalier::Setting{"squares", "per-sample",
                                  "squared per example, or per mini-batch mean as the paper's code",
                                  "per-sample|per-batch"},
                espalier::Setting{"samples", 1000, "first rows of the split; 0: all"},
                espalier::Setting{"split", "validation", "split the gradients come from", "train|validation"},
                espalier::Setting{"batch", 64, "examples a mini-batch (per-batch)"},
                espalier::Setting{"damping", 1e-6, "added to every weight after averaging"})
