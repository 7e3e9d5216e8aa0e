// Its constructor throws.
#include <espalier/scorer.h>

#include <stdexcept>

namespace {
struct ThrowsInConstructor final : espalier::Scorer {
  explicit ThrowsInConstructor(const espalier::Settings&) { throw std::runtime_error("no licence found"); }
  at::Tensor score(espalier::ScoringTask&) override { return {}; }
};
}  // namespace

ESPALIER_SCORER(ThrowsInConstructor, "throws-in-constructor", "1.0.0", "", espalier::no_traits)
