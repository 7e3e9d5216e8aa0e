// Ends the program as soon as it is opened, as if all were well.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>
#include <unistd.h>

namespace {
struct AtStart {
  AtStart() { ::_exit(0); }
} at_start;
struct ExitsWhenOpened final : espalier::Scorer {
  explicit ExitsWhenOpened(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(ExitsWhenOpened, "exits-when-opened", "1.0.0", "", espalier::no_traits)
