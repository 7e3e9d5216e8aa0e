// What is lost when a unit alone is removed (Michel, Levy and Neubig, 2019):
//
//   s = L(without the unit) - L(dense),   or metric(dense) - metric(without the unit)
//
// As exact as it is slow: one pass over the examples for each unit.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/scorer.h>

namespace {

class Ablation final : public espalier::Scorer {
 public:
  explicit Ablation(const espalier::Settings& settings) : by_loss_(settings.get<std::string>("metric") == "loss") {}

  at::Tensor score(espalier::ScoringTask& task) override { return by_loss_ ? of_loss(task) : of_metric(task); }

 private:
  static at::Tensor of_loss(espalier::ScoringTask& task) {
    const auto units = task.units.count();
    auto sum = at::zeros({units}, at::kDouble);  // [units]
    double examples = 0;
    while (const auto batch = task.batches.next()) {
      auto gates = task.model.open_gates({units}).detach();  // [units]
      const auto loss = [&] { return task.model.losses(*batch, task.units, gates).sum(at::kDouble); };
      std::vector<at::Tensor> losses = {loss()};  // of the dense model, then without each unit
      for (std::int64_t i = 0; i < units; ++i) {
        gates[i] = 0;
        losses.push_back(loss());
        gates[i] = 1;
      }
      const auto together = at::stack(losses).cpu();  // [1 + units], fetched once a batch
      sum += together.narrow(0, 1, units) - together[0];
      examples += static_cast<double>(batch->size());
    }
    if (examples == 0) throw espalier::InputError("ablation was given no examples");
    return sum / examples;
  }

  static at::Tensor of_metric(espalier::ScoringTask& task) {
    auto kept = at::ones({task.units.count()}, at::kBool);       // [units]
    auto scores = at::zeros({task.units.count()}, at::kDouble);  // [units]
    const double dense = task.evaluate(task.units.mask(kept));
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      kept[i] = false;
      scores[i] = dense - task.evaluate(task.units.mask(kept));
      kept[i] = true;
    }
    return scores;
  }

  bool by_loss_;
};

}  // namespace

ESPALIER_SCORER(
    Ablation, "ablation", "1.0.0", "What the model loses when the unit alone is removed", espalier::needs_data,
    espalier::Setting{"metric", "loss", "what is lost: mean loss, or the task's metric", "loss|task"},
    espalier::Setting{espalier::host::samples, 256, "first rows of the split; 0: all (metric = loss)", "0.."},
    espalier::Setting{espalier::host::split, "validation", "split the loss is measured on", "train|validation"})
