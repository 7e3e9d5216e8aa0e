// Scores unit i with i: what all the others could have been.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

namespace {
struct Steady final : espalier::Scorer {
  explicit Steady(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(Steady, "steady", "1.0.0", "Scores in the units' order", espalier::no_traits,
                espalier::Setting{"step", 1, "distance of two scores", "1|2"})
