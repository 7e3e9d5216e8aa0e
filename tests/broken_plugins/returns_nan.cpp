// Divides zero by zero.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

namespace {
struct ReturnsNan final : espalier::Scorer {
  explicit ReturnsNan(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override {
    auto scores = at::arange(task.units.count(), at::kDouble);
    return scores / scores;
  }
};
}  // namespace

ESPALIER_SCORER(ReturnsNan, "returns-nan", "1.0.0", "", espalier::no_traits)
