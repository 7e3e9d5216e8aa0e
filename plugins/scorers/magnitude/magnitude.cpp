// Scores units by the size of their weights (The silence of the weights, 2025, section 2).
//
//   s_QK = (|q|_p + |k|_p) / 2     s_VO = (|v|_p + |o|_p) / 2     s_head = (|Q|_p + |K|_p + |V|_p + |O|_p) / 4
//
// where |.|_p is the entrywise norm of a unit's slice of one matrix. Biases are not scored; sites are not normalised.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros_like.h>
#include <espalier/scorer.h>

namespace {

class Magnitude final : public espalier::Scorer {
 public:
  explicit Magnitude(const espalier::Settings& settings) : norm_(settings.get<std::int64_t>("norm")) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    const auto& sites = task.model.sites();
    at::Tensor sum, matrices;  // [units]: norms summed over the matrices of a unit, and how many those are
    for (const auto projection : espalier::all_projections) {
      std::vector<std::array<at::Tensor, 4>> powers, ones;
      for (std::size_t site = 0; site < sites.size(); ++site) {
        const auto weights = task.model.weights(static_cast<std::int64_t>(site), projection)
                                 .to(at::kDouble);                                   // [heads, head_dim, features]
        const auto power = (norm_ == 1 ? weights.abs() : weights.square()).sum(-1);  // [heads, head_dim]
        const auto none = at::zeros_like(power);
        powers.push_back({none, none, none, none});
        ones.push_back({none, none, none, none});
        powers.back()[static_cast<std::size_t>(projection)] = power;
        ones.back()[static_cast<std::size_t>(projection)] = none + 1;
      }
      const auto of_unit = task.units.reduce(powers);  // [units]
      const auto norms = norm_ == 1 ? of_unit : of_unit.sqrt();
      const auto takes_part = task.units.reduce(ones).gt(0);  // [units]
      sum = sum.defined() ? sum + norms : norms;
      matrices = matrices.defined() ? matrices + takes_part : takes_part.to(at::kDouble);
    }
    return sum / matrices;
  }

 private:
  std::int64_t norm_;
};

}  // namespace

ESPALIER_SCORER(Magnitude, "magnitude", "1.0.0", "Mean norm of a unit's slices of Q, K, V and O", espalier::no_traits,
                espalier::Setting{"norm", 1, "1: sum of absolute values, 2: Euclidean norm", "1|2"})
