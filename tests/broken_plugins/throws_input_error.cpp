// Complains about its input in our own words.
#include <espalier/error.h>
#include <espalier/scorer.h>

namespace {
struct ThrowsInputError final : espalier::Scorer {
  explicit ThrowsInputError(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask&) override { throw espalier::InputError("the split is empty"); }
};
}  // namespace

ESPALIER_SCORER(ThrowsInputError, "throws-input-error", "1.0.0", "", espalier::no_traits)
