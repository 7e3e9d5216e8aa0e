// Throws an exception whose type lives in the plugin.
#include <espalier/scorer.h>

#include <stdexcept>

namespace {
struct ThrowsInScore final : espalier::Scorer {
  struct Own : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  explicit ThrowsInScore(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask&) override { throw Own("out of ideas"); }
};
}  // namespace

ESPALIER_SCORER(ThrowsInScore, "throws-in-score", "1.0.0", "", espalier::no_traits)
