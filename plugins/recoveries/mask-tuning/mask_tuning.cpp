// Rescales what the remaining heads write, site by site from the bottom, so that each site's output is as close as a
// number a head can make it to that of the dense model (Kwon et al., 2022, mask tuning):
//
//   minimise |A r - t|^2 + damping^2 |r|^2      head h is scaled by 1 + r_h
//
// A has a column a head: what it writes, over all tokens; t is what the dense model's output and residual have more. The
// normal equations (A^T A + damping^2 I) r = A^T t have the same solution as the least squares. Nothing is trained.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <espalier/recovery.h>

namespace {

using at::Tensor;

class MaskTuning final : public espalier::Recovery {
 public:
  explicit MaskTuning(const espalier::Settings& settings)
      : damping_(settings.get<double>("damping")), largest_(settings.get<double>("largest")) {}

  void recover(espalier::RecoveryTask& task) override {
    const auto sites = task.model.now().sites();
    for (std::size_t i = 0; i < sites.size(); ++i) {
      const auto site = static_cast<std::int64_t>(i);
      const auto alive = task.mask.closure().site(site).of(espalier::Projection::V).any(1);  // [heads]
      if (!alive.any().item<bool>()) continue;
      const auto change = solved(task, site, sites[i].heads, alive);  // [heads]
      // As its authors do: a scale that runs away ends the tuning here.
      if ((change + 1).abs().max().item<double>() > largest_ || !change.isfinite().all().item<bool>()) return;
      task.model.scale_outputs(site, (change + 1).unsqueeze(1).expand({sites[i].heads, sites[i].head_dim}));
    }
  }

 private:
  // r of one site: [heads], float64; 0 for heads that are gone.
  Tensor solved(espalier::RecoveryTask& task, std::int64_t site, std::int64_t heads, const Tensor& alive) const {
    const auto output = task.model.now().weights(site, espalier::Projection::O).to(at::kDouble);  // [heads, d, width]
    // Summed where the model is; solved on the CPU.
    auto on_device = at::zeros({heads, heads + 1}, output.options());  // A^T A and, in the last column, A^T t
    task.batches.rewind();
    while (const auto batch = task.batches.next()) {
      Tensor wanted;  // [examples, queries, width]: output and residual of the dense model
      task.model.dense().observe(*batch, [&](std::int64_t seen, const espalier::SiteActivity& activity) {
        if (seen == site) wanted = (activity.output + activity.residual).to(at::kDouble);
      });
      task.model.now().observe(*batch, [&](std::int64_t seen, const espalier::SiteActivity& activity) {
        if (seen != site) return;
        const auto counts = activity.is_query.to(at::kDouble).unsqueeze(-1);  // [examples, queries, 1]
        const auto missing = (wanted - activity.output.to(at::kDouble) - activity.residual.to(at::kDouble)) * counts;
        const auto written =
            at::einsum("bqhd,hdw->hbqw", {activity.context.to(at::kDouble), output}) * counts;  // [heads, B, T, width]
        const auto columns = written.reshape({heads, -1});                                      // A^T
        on_device.narrow(1, 0, heads).add_(columns.matmul(columns.t()));
        on_device.select(1, heads).add_(columns.matmul(missing.reshape({-1})));
      });
    }
    const auto sums = on_device.cpu();
    const auto products = sums.narrow(1, 0, heads), target = sums.select(1, heads);
    // Heads that are gone write nothing; a one on the diagonal keeps the system regular where nothing is damped.
    const auto gone = alive.logical_not().to(at::kDouble);
    const auto system = products + at::eye(heads, at::kDouble) * (damping_ * damping_) + gone.diag();
    const auto factor = at::linalg_cholesky(system);
    return at::cholesky_solve((target * alive).unsqueeze(1), factor).squeeze(1) * alive;
  }

  double damping_, largest_;
};

}  // namespace

ESPALIER_RECOVERY(MaskTuning, "mask-tuning", "1.0.0", "Rescales the heads that are left by least squares, site by site",
                  espalier::needs_data, espalier::Setting{"damping", 1.0, "of the least squares", "0.."},
                  espalier::Setting{"largest", 10.0, "scale beyond which the tuning stops", "0<.."},
                  espalier::Setting{espalier::host::samples, 512, "first rows of the split; 0: all", "0.."},
                  espalier::Setting{espalier::host::split, "train", "split that is looked at", "train|validation"})
