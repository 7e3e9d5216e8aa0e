// Throws what is no exception.
#include <espalier/scorer.h>

namespace {
struct ThrowsInt final : espalier::Scorer {
  explicit ThrowsInt(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask&) override { throw 7; }
};
}  // namespace

ESPALIER_SCORER(ThrowsInt, "throws-int", "1.0.0", "", espalier::no_traits)
