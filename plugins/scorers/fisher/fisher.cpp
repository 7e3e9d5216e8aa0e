// Diagonal empirical Fisher information of a unit's weights, not times the squared weights (The silence of the weights,
// 2025, section 2):
//
//   F_w = mean of (dL/dw)^2 + damping,   s = sum of F_w over the unit;   weighted: s = sum of F_w w^2 / 2
//
// Weighted it is optimal brain damage (LeCun et al., 1989) with the Fisher information for the Hessian.
// The mean runs over examples (per-sample) or, as the paper's code does, over the gradients of mini-batch means
// (per-batch); the two are different estimators and carry different names.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class Fisher final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit Fisher(const espalier::Settings& settings)
      : squares_(settings.get<std::string>("squares") == "per-batch" ? espalier::Squares::PerBatch
                                                                     : espalier::Squares::PerSample),
        batch_(settings.get<std::int64_t>(espalier::host::batch)),
        damping_(settings.get<double>("damping")),
        weighted_(settings.get<bool>("weighted")) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]
    std::int64_t terms = 0;
    while (const auto batch = task.batches.next()) {
      // The paper counts whole mini-batches only: floor(samples / batch) gradients.
      if (squares_ == espalier::Squares::PerBatch && batch->size() < batch_ && terms > 0) break;
      sum += weighted_ ? weighted_squares(task, *batch) : task.model.squared_gradients(*batch, task.units, squares_);
      terms += squares_ == espalier::Squares::PerBatch ? 1 : batch->size();
    }
    if (terms == 0) throw espalier::InputError("fisher was given no examples");
    espalier::require_gradients(sum);
    return sum / static_cast<double>(terms) + damping_ * (weighted_ ? half_squares(task) : task.units.weight_counts());
  }

 private:
  // Sum over a unit of (g w)^2 / 2, or of w^2 / 2 where no gradients are given: [units].
  static at::Tensor half_squares(const espalier::ScoringTask& task,
                                 const std::vector<std::array<at::Tensor, 4>>& gradients = {}) {
    std::vector<std::array<at::Tensor, 4>> values(task.model.sites().size());
    for (std::size_t site = 0; site < values.size(); ++site) {
      for (const auto projection : espalier::all_projections) {
        const auto place = static_cast<std::size_t>(projection);
        auto value = task.model.weights(static_cast<std::int64_t>(site), projection);  // [heads, head_dim, features]
        if (!gradients.empty()) value = value * gradients[site][place];
        values[site][place] = value.square().sum({2}, /*keepdim=*/false, at::kDouble) / 2;
      }
    }
    return task.units.reduce(values);
  }

  at::Tensor weighted_squares(espalier::ScoringTask& task, const espalier::Batch& batch) const {
    if (squares_ == espalier::Squares::PerBatch) return half_squares(task, task.model.gradients(batch));
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]
    for (std::int64_t i = 0; i < batch.size(); ++i) sum += half_squares(task, task.model.gradients(example(batch, i)));
    return sum;
  }

  static espalier::Batch example(const espalier::Batch& batch, std::int64_t index) {
    espalier::Batch one;
    for (const auto& [name, input] : batch.inputs) one.inputs[name] = input.narrow(0, index, 1);
    if (batch.labels.defined()) one.labels = batch.labels.narrow(0, index, 1);
    one.rows = {batch.rows[static_cast<std::size_t>(index)]};
    return one;
  }

  espalier::Squares squares_;
  std::int64_t batch_;
  double damping_;
  bool weighted_;
};

}  // namespace

ESPALIER_SCORER(Fisher, "fisher", "1.1.0", "Fisher information: mean squared gradient, summed over a unit's weights",
                espalier::needs_data | espalier::sums_over_channels,
                espalier::Setting{"squares", "per-sample",
                                  "squared per example, or per mini-batch mean as the paper's code",
                                  "per-sample|per-batch"}
                    .in_file_order_if("per-batch"),
                espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "validation", "split the gradients come from",
                                  "train|validation"},
                espalier::Setting{espalier::host::batch, 64, "examples a mini-batch (per-batch)", "1.."},
                espalier::Setting{"damping", 1e-6, "added to every weight after averaging", "0.."},
                espalier::Setting{"weighted", false, "times half the squared weight, as optimal brain damage"},
                ESPALIER_LOSS_SETTINGS)
