// First-order Taylor estimate of what setting each weight to zero does to the loss (Molchanov et al., 2019):
//
//   s = sum of (g w)^2 over the unit, or of |g w|
//
// with g the gradient of a mini-batch's mean loss, averaged over mini-batches. The absolute value of the summed g w
// would be gate-gradient.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class Taylor final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit Taylor(const espalier::Settings& settings) : squares_(settings.get<std::string>("power") == "square") {}

  at::Tensor score(espalier::ScoringTask& task) override {
    auto sum = at::zeros({task.units.count()}, at::kDouble);  // [units]
    std::int64_t batches = 0;
    while (const auto batch = task.batches.next()) {
      auto values = task.model.gradients(*batch);
      for (std::size_t site = 0; site < values.size(); ++site) {
        for (const auto projection : espalier::all_projections) {
          auto& value = values[site][static_cast<std::size_t>(projection)];  // [heads, head_dim, features]
          value = value * task.model.weights(static_cast<std::int64_t>(site), projection);
          value = (squares_ ? value.square() : value.abs()).sum({2}, /*keepdim=*/false, at::kDouble);
        }
      }
      sum += task.units.reduce(values);
      ++batches;
    }
    if (batches == 0) throw espalier::InputError("taylor was given no examples");
    espalier::require_gradients(sum);
    return sum / static_cast<double>(batches);
  }

 private:
  bool squares_;
};

}  // namespace

ESPALIER_SCORER(Taylor, "taylor", "1.0.0",
                "Taylor estimate: squared weight times gradient, summed over a unit's weights",
                espalier::needs_data | espalier::in_file_order | espalier::sums_over_channels,
                espalier::Setting{"power", "square", "of each weight times gradient, before they are added",
                                  "square|absolute"},
                espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "train", "split the gradients come from", "train|validation"},
                espalier::Setting{espalier::host::batch, 32, "examples a mini-batch", "1.."}, ESPALIER_LOSS_SETTINGS)
