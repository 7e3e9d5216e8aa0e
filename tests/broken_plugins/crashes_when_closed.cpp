// Dies when the program ends.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

#include <cstdlib>

namespace {
struct AtEnd {
  ~AtEnd() { std::abort(); }
} at_end;
struct CrashesWhenClosed final : espalier::Scorer {
  explicit CrashesWhenClosed(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(CrashesWhenClosed, "crashes-when-closed", "1.0.0", "", espalier::no_traits)
