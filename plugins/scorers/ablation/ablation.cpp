// What is lost when a unit alone is removed (Michel, Levy and Neubig, 2019):
//
//   s = L(without the unit) - L(dense),   or metric(dense) - metric(without the unit)
//
// One pass over the examples for each unit, from the site of the unit on.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/scorer.h>

#include <algorithm>
#include <vector>

namespace {

class Ablation final : public espalier::Scorer {
 public:
  explicit Ablation(const espalier::Settings& settings) : by_loss_(settings.get<std::string>("metric") == "loss") {}

  at::Tensor score(espalier::ScoringTask& task) override { return by_loss_ ? of_loss(task) : of_metric(task); }

 private:
  // Units follow each other site by site: so many share nearly everything before theirs.
  static constexpr std::int64_t masks_at_once = 256;

  static at::Tensor of_loss(espalier::ScoringTask& task) {
    const auto units = task.units.count();
    auto sum = at::zeros({units}, at::kDouble);  // [units]
    double examples = 0;
    while (const auto batch = task.batches.next()) {
      const auto losses = task.model.losses_without_each(*batch, task.units).sum({1}, /*keepdim=*/false, at::kDouble);
      const auto together = losses.cpu();  // [1 + units], fetched once a batch
      sum += together.narrow(0, 1, units) - together[0];
      examples += static_cast<double>(batch->size());
    }
    if (examples == 0) throw espalier::InputError("ablation was given no examples");
    return sum / examples;
  }

  static at::Tensor of_metric(espalier::ScoringTask& task) {
    const auto units = task.units.count();
    auto kept = at::ones({units}, at::kBool);       // [units]
    auto scores = at::empty({units}, at::kDouble);  // [units]
    const double dense = task.evaluate(task.units.mask(kept));
    for (std::int64_t begin = 0; begin < units; begin += masks_at_once) {
      const auto end = std::min(begin + masks_at_once, units);
      std::vector<espalier::Mask> masks;
      for (auto i = begin; i < end; ++i) {
        kept[i] = false;
        masks.push_back(task.units.mask(kept));
        kept[i] = true;
      }
      const auto qualities = task.evaluate_each(masks);
      for (auto i = begin; i < end; ++i) scores[i] = dense - qualities[static_cast<std::size_t>(i - begin)];
    }
    return scores;
  }

  bool by_loss_;
};

}  // namespace

ESPALIER_SCORER(
    Ablation, "ablation", "1.1.0", "What the model loses when the unit alone is removed", espalier::needs_data,
    espalier::Setting{"metric", "loss", "what is lost: mean loss, or the task's metric", "loss|task"},
    espalier::Setting{espalier::host::samples, 256, "first rows of the split; 0: all (metric = loss)", "0.."},
    espalier::Setting{espalier::host::split, "validation", "split the loss is measured on", "train|validation"})
