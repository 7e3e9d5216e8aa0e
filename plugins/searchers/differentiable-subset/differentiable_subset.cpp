// Differentiable subset pruning (Li, Cotterell and Sachan, 2021): one importance w a head, learned by gradient steps
// under gates that sum to the number K of heads that stay. One budget for the whole model.
//
//   gumbel:            gates = soft top-K of w - log(-log u), u drawn afresh for every batch, at a temperature that
//                      falls (soft_top_k.h, temperature.h)
//   straight-through:  gates = 1 for the K largest w and 0 for the others; a gate's gradient is w's. No noise
//
// The mask keeps the K largest w; of equal ones the last. What is kept is not rescaled.
//
// joint trains w together with all weights of the model; pipelined trains w alone, on a model that is trained already.
// The paper's settings, as far as the one training loop has them:
//
//                          BERT, MNLI                          encoder-decoder, IWSLT'14 de-en
//   learning_rate          2e-5, decay linear, 3 epochs        5e-4, weight_decay 1e-4, clip_norm 0, 60 epochs
//   gate_learning_rate     0.5                                 0.2
//   temperature            1000, final_temperature 1e-8        0.1, final_temperature 1e-8
//   cooling_steps          25000 (pipelined 8333, one epoch)   15000 (pipelined 250, one epoch)
//
// 25000 of 36816 steps and 8333 of 12272 are a cooling_share of 0.68. It is the default, so that a smaller train split
// cools as far; epochs is 1 unless it is given.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "soft_top_k.h"
#include "temperature.h"

namespace {

using differentiable_subset::Cooling;
using differentiable_subset::SoftTopK;

constexpr const char* who = "differentiable-subset";

void refuse(const std::string& why) { throw espalier::SettingsError(std::string(who) + ": " + why); }

std::string in_words(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

class DifferentiableSubset final : public espalier::Searcher {
 public:
  explicit DifferentiableSubset(const espalier::Settings& settings)
      : settings_(settings),
        joint_(settings.get<std::string>("mode") == "joint"),
        gumbel_(settings.get<std::string>("estimator") == "gumbel"),
        cooling_{settings.get<std::int64_t>("cooling_steps"), settings.get<double>("temperature"),
                 settings.get<double>("final_temperature")},
        cooling_share_(settings.get<double>("cooling_share")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    const auto count = heads_to_keep(task);
    const auto weights = first_weights(task);  // [units]
    auto plan = espalier::training_plan(settings_);
    plan.best_on_validation = false;
    const auto cooling = cooling_of(task, plan);

    std::vector<espalier::ParameterGroup> groups;
    if (joint_) groups = espalier::parameter_groups(task.trainable.tensors(), settings_);
    groups.push_back({{weights}, settings_.get<double>("gate_learning_rate"), 0});
    espalier::Objective objective;
    objective.loss = settings_.get<std::string>(espalier::host::loss);
    espalier::TrainingHooks hooks;
    hooks.units = &task.units;
    hooks.gates = [&](std::int64_t step, std::int64_t) {
      if (!gumbel_) return hard_gates(task, weights, count);
      return soft_gates(task, weights, count, differentiable_subset::temperature_at(step, cooling));
    };
    const auto outcome = task.trainable.train(plan, groups, objective, hooks);

    task.report.note("steps", static_cast<double>(outcome.steps));
    if (gumbel_) {
      const auto last = std::max<std::int64_t>(0, outcome.steps - 1);
      task.report.note("temperature_at_end", differentiable_subset::temperature_at(last, cooling));
    }
    task.report.note("training_diverged", outcome.diverged ? 1 : 0);
    return task.units.mask(best(task, weights, count));
  }

 private:
  static std::int64_t heads_to_keep(const espalier::SearchTask& task) {
    if (task.scope != espalier::Scope::Global)
      refuse("scope local is not understood\n    its one budget is of all sites: use scope global");
    const auto count = espalier::units_to_keep(task, who);
    if (count < 1) refuse("the budget keeps no head, so that nothing is left to learn\n    keep at least one");
    return count;
  }

  // Xavier-uniform over a table with a row a site and a column a head, its rows in the paper's order: encoder,
  // decoder's cross-attention, decoder's self-attention. Heads that are gone have a weight too, so that those of the
  // others do not depend on them.
  static at::Tensor first_weights(const espalier::SearchTask& task) {
    const auto row_rank = [](espalier::SiteKind kind) {
      return kind == espalier::SiteKind::EncoderSelf ? 0 : kind == espalier::SiteKind::DecoderCross ? 1 : 2;
    };
    const auto kind_of = [&](std::int64_t unit) {
      return task.units.sites()[static_cast<std::size_t>(task.units[unit].site)].kind;
    };
    std::vector<std::int64_t> order(static_cast<std::size_t>(task.units.count()));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return row_rank(kind_of(a)) < row_rank(kind_of(b)); });
    double rows = 0;
    for (std::int64_t i = 0; i < task.units.count(); ++i)
      if (i == 0 || task.units[i].site != task.units[i - 1].site) ++rows;
    const double bound = std::sqrt(6 / (rows + static_cast<double>(task.units.count()) / rows));
    auto weights = at::empty({task.units.count()}, at::kDouble);  // [units]
    for (const auto unit : order) weights.mutable_data_ptr<double>()[unit] = (task.random.uniform() * 2 - 1) * bound;
    return weights.requires_grad_(true);
  }

  Cooling cooling_of(const espalier::SearchTask& task, const espalier::TrainingPlan& plan) const {
    auto cooling = cooling_;
    if (!gumbel_) return cooling;
    const auto steps = task.trainable.steps(plan);
    if (cooling.steps == 0) cooling.steps = std::llround(cooling_share_ * static_cast<double>(steps));
    if (steps < cooling.steps) {
      const auto at_end = differentiable_subset::temperature_at(std::max<std::int64_t>(0, steps - 1), cooling);
      task.report.say(std::string(who) + ": the training ends after " + std::to_string(steps) +
                      " steps, at temperature " + in_words(at_end) + ": cooling takes " +
                      std::to_string(cooling.steps));
    }
    return cooling;
  }

  // Of the heads that remain; the others' gates are 0.
  static at::Tensor soft_gates(const espalier::SearchTask& task, const at::Tensor& weights, std::int64_t count,
                               double temperature) {
    std::vector<std::size_t> places;
    std::vector<double> keys;
    const auto remaining = task.remaining.contiguous();
    for (std::size_t i = 0; i < static_cast<std::size_t>(task.units.count()); ++i) {
      if (!remaining.const_data_ptr<bool>()[i]) continue;
      const double uniform = std::max(task.random.uniform(), differentiable_subset::tiny);
      places.push_back(i);
      keys.push_back(weights.const_data_ptr<double>()[i] - std::log(-std::log(uniform)));
    }
    SoftTopK soft(std::move(keys), static_cast<std::size_t>(count), temperature);
    const auto units = task.units.count();
    const auto spread = [places, units](const std::vector<double>& values) {
      auto all = at::zeros({units}, at::kDouble);  // [units]
      for (std::size_t i = 0; i < places.size(); ++i) all.mutable_data_ptr<double>()[places[i]] = values[i];
      return all;
    };
    const auto gates = spread(soft.gates());
    return espalier::with_gradient(gates, weights,
                                   [places, spread, soft = std::move(soft)](const at::Tensor& gradient) {
                                     const auto given = gradient.to(at::kCPU, at::kDouble).contiguous();
                                     std::vector<double> by_gates;
                                     for (const auto place : places)
                                       by_gates.push_back(given.const_data_ptr<double>()[place]);
                                     return spread(soft.gradient(by_gates));
                                   });
  }

  static at::Tensor hard_gates(const espalier::SearchTask& task, const at::Tensor& weights, std::int64_t count) {
    const auto remaining = task.remaining.to(at::kDouble);
    return espalier::with_gradient(best(task, weights, count).to(at::kDouble), weights,
                                   [remaining](const at::Tensor& gradient) { return gradient * remaining; });
  }

  // A weight that a diverging step made no number counts as the lowest.
  static at::Tensor best(const espalier::SearchTask& task, const at::Tensor& weights, std::int64_t count) {
    const double lowest = -std::numeric_limits<double>::infinity();
    return espalier::best_units(task, at::nan_to_num(weights.detach(), lowest, -lowest, lowest), count);
  }

  espalier::Settings settings_;
  bool joint_, gumbel_;
  Cooling cooling_;
  double cooling_share_;
};

}  // namespace

ESPALIER_SEARCHER(DifferentiableSubset, "differentiable-subset", "1.0.0",
                  "Learns which heads to keep under gates that sum to their number",
                  espalier::uses_randomness | espalier::trains | espalier::heads_only | espalier::budget_heads |
                      espalier::budget_sparsity,
                  ESPALIER_TRAINING_SETTINGS("adamw", 2e-5, 0.0, 32),
                  espalier::Setting{"mode", "joint", "pipelined: everything but the gates is frozen",
                                    "joint|pipelined"},
                  espalier::Setting{"estimator", "gumbel", "of the gates' gradient", "gumbel|straight-through"},
                  espalier::Setting{"gate_learning_rate", 0.5, "of the heads' importances, at its peak", "0.."},
                  espalier::Setting{"temperature", 1000.0, "of gumbel, at the start", "0<.."},
                  espalier::Setting{"final_temperature", 1e-8, "of gumbel, once it is cold", "0<.."},
                  espalier::Setting{"cooling_steps", 0, "steps until it is cold; 0: cooling_share of all steps", "0.."},
                  espalier::Setting{"cooling_share", 0.68, "of all steps, where cooling_steps is 0", "0..1"})
