// Prints where results are printed.
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>

#include <cstdio>

namespace {
struct AtStart {
  AtStart() { std::puts("hello from a plugin"); }
} at_start;
struct PrintsWhenOpened final : espalier::Scorer {
  explicit PrintsWhenOpened(const espalier::Settings&) {}
  at::Tensor score(espalier::ScoringTask& task) override { return at::arange(task.units.count()); }
};
}  // namespace

ESPALIER_SCORER(PrintsWhenOpened, "prints-when-opened", "1.0.0", "", espalier::no_traits)
