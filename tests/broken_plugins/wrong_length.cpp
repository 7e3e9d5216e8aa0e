// One score too few.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

namespace {
struct WrongLength final : espalier::Scorer {
  explicit WrongLength(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count() - 1); }
};
}  // namespace

ESPALIER_SCORER(WrongLength, "wrong-length", "1.0.0", "", espalier::no_traits)
