// How sure a head is of where it looks (Voita et al., 2019): the mean over queries of the largest attention weight.
//
// Padding is no query; on request the last token of each example, which ends the text, is none either.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class Confidence final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit Confidence(const espalier::Settings& settings) : skip_last_(settings.get<bool>("skip_last")) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    // By site, [heads] and a number, where the model is until all batches are seen; undefined: not seen.
    std::vector<at::Tensor> sums(task.model.sites().size()), queries(sums.size());
    bool any = false;
    while (const auto batch = task.batches.next()) {
      any = true;
      task.model.observe(*batch, [&](std::int64_t index, const espalier::SiteActivity& activity) {
        const auto site = static_cast<std::size_t>(index);
        const auto counts = skip_last_ ? without_last(activity.is_query) : activity.is_query;  // [B, T]
        const auto largest = activity.attention.amax({3}).to(at::kDouble);                     // [B, H, T]
        add(sums.at(site), (largest * counts.unsqueeze(1)).sum(at::IntArrayRef{0, 2}));
        add(queries.at(site), counts.sum());
      });
    }
    if (!any) throw espalier::InputError("confidence was given no examples");
    for (auto* tensors : {&sums, &queries}) {
      for (auto& tensor : *tensors) tensor = tensor.defined() ? tensor.to(at::kCPU, at::kDouble) : at::zeros({1}).sum();
    }
    auto scores = at::zeros({task.units.count()}, at::kDouble);  // [units]
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      const auto site = static_cast<std::size_t>(task.units[i].site);
      if (queries[site].item<double>() == 0) {
        throw espalier::InputError("confidence found no queries at site '" + task.model.sites()[site].name +
                                   "'\n    with skip_last = true an example needs two tokens or more");
      }
      scores[i] = sums[site][task.units[i].head] / queries[site];
    }
    return scores;
  }

 private:
  static void add(at::Tensor& sum, const at::Tensor& more) { sum = sum.defined() ? sum + more : more; }

  // is_query [B, T], its last true of each example false.
  static at::Tensor without_last(const at::Tensor& is_query) {
    const auto place = is_query.cumsum(1);  // [B, T], counted from 1
    return is_query.logical_and(place.lt(is_query.sum(1, /*keepdim=*/true)));
  }

  bool skip_last_;
};

}  // namespace

ESPALIER_SCORER(Confidence, "confidence", "1.0.0", "Mean largest attention weight of a head",
                espalier::needs_data | espalier::heads_only,
                espalier::Setting{"skip_last", false, "leave the last token of each example out as query"},
                espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "train", "split the attention is seen on", "train|validation"})
