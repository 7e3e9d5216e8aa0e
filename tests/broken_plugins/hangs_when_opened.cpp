// Never finishes being opened.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>
#include <unistd.h>

namespace {
struct AtStart {
  AtStart() {
    while (true) ::pause();
  }
} at_start;
struct HangsWhenOpened final : espalier::Scorer {
  explicit HangsWhenOpened(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(HangsWhenOpened, "hangs-when-opened", "1.0.0", "", espalier::no_traits)
