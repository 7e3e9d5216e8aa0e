// An undefined tensor.
#include <espalier/scorer.h>

namespace {
struct ReturnsNothing final : espalier::Scorer {
  explicit ReturnsNothing(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask&) override { return {}; }
};
}  // namespace

ESPALIER_SCORER(ReturnsNothing, "returns-nothing", "1.0.0", "", espalier::no_traits)
