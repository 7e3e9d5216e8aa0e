// Adds tensors that do not fit.
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <espalier/scorer.h>

namespace {
struct ThrowsInTorch final : espalier::Scorer {
  explicit ThrowsInTorch(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask&) override { return at::ones({2}) + at::ones({3}); }
};
}  // namespace

ESPALIER_SCORER(ThrowsInTorch, "throws-in-torch", "1.0.0", "", espalier::no_traits)
