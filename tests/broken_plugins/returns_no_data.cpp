// Scores of the right shape without any data.
#include <ATen/ops/empty.h>
#include <espalier/scorer.h>

namespace {
struct ReturnsNoData final : espalier::Scorer {
  explicit ReturnsNoData(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override {
    return at::empty({task.units.count()}, at::TensorOptions().device(at::kMeta));
  }
};
}  // namespace

ESPALIER_SCORER(ReturnsNoData, "returns-no-data", "1.0.0", "", espalier::no_traits)
