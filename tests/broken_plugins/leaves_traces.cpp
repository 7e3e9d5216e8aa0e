// Scores well, and changes what belongs to everyone, already in its constructor.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <c10/core/DefaultDtype.h>
#include <c10/core/InferenceMode.h>
#include <espalier/scorer.h>

namespace {
struct LeavesTraces final : espalier::Scorer {
  explicit LeavesTraces(const espalier::Settings&) { disturb(); }
  at::Tensor score(espalier::ScoringTask& task) override {
    disturb();
    return at::arange(task.units.count());
  }
  static void disturb() {
    [[maybe_unused]] static const auto* never_left = new c10::InferenceMode();
    at::GradMode::set_enabled(false);
    c10::set_default_dtype(caffe2::TypeMeta::Make<double>());
    at::set_num_threads(3);
  }
};
}  // namespace

ESPALIER_SCORER(LeavesTraces, "leaves-traces", "1.0.0", "", espalier::no_traits)
