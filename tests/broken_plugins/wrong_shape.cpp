// A matrix of scores.
#include <ATen/ops/ones.h>
#include <espalier/scorer.h>

namespace {
struct WrongShape final : espalier::Scorer {
  explicit WrongShape(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::ones({task.units.count(), 1}); }
};
}  // namespace

ESPALIER_SCORER(WrongShape, "wrong-shape", "1.0.0", "", espalier::no_traits)
