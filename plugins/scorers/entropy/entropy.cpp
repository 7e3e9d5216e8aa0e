// How widely a head spreads its attention (HIES, 2025):
//
//   AE = mean over queries of -sum of p ln p over the keys
//
// Padding is no query. A head that looks at few keys is kept, so its score is the negative entropy; the reverse is
// there for comparison.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/special_entr.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class Entropy final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit Entropy(const espalier::Settings& settings)
      : sign_(settings.get<std::string>("keep") == "focused" ? -1 : 1) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    // By site, [heads] and a number, where the model is until all batches are seen; undefined: not seen.
    std::vector<at::Tensor> sums(task.model.sites().size()), queries(sums.size());
    while (const auto batch = task.batches.next()) {
      task.model.observe(*batch, [&](std::int64_t index, const espalier::SiteActivity& activity) {
        const auto site = static_cast<std::size_t>(index);
        const auto entropy =
            at::special_entr(activity.attention).sum({3}, /*keepdim=*/false, at::kDouble);  // [B, H, T]
        add(sums.at(site), (entropy * activity.is_query.unsqueeze(1)).sum(at::IntArrayRef{0, 2}));
        add(queries.at(site), activity.is_query.sum());
      });
    }
    for (auto* tensors : {&sums, &queries}) {
      for (auto& tensor : *tensors) tensor = tensor.defined() ? tensor.to(at::kCPU, at::kDouble) : at::zeros({1}).sum();
    }
    auto scores = at::zeros({task.units.count()}, at::kDouble);  // [units]
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const auto site = static_cast<std::size_t>(task.units[i].site);
      if (queries[site].item<double>() == 0) throw espalier::InputError("entropy was given no examples");
      scores[i] = sign_ * sums[site][task.units[i].head] / queries[site];
    }
    return scores;
  }

 private:
  static void add(at::Tensor& sum, const at::Tensor& more) { sum = sum.defined() ? sum + more : more; }

  double sign_;
};

}  // namespace

ESPALIER_SCORER(Entropy, "entropy", "1.0.0", "Mean entropy of a head's attention, negative: focused heads are kept",
                espalier::needs_data | espalier::heads_only,
                espalier::Setting{"keep", "focused", "heads that score high: of low entropy, or of high (spread)",
                                  "focused|spread"},
                espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "train", "split the attention is seen on", "train|validation"})
