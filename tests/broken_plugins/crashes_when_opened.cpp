// Dies as soon as it is opened.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

namespace {
struct AtStart {
  AtStart() { __builtin_trap(); }
} at_start;
struct CrashesWhenOpened final : espalier::Scorer {
  explicit CrashesWhenOpened(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(CrashesWhenOpened, "crashes-when-opened", "1.0.0", "", espalier::no_traits)
