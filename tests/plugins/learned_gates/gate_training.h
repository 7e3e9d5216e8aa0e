// A model whose loss is a function of its gates, trained by plain gradient steps, clipped; it remembers what it was
// asked for.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plugins/searching.h"

namespace espalier::test {

class GateTraining final : public TrainableModel {
 public:
  using Loss = std::function<at::Tensor(const at::Tensor& gates)>;

  struct Call {
    TrainingPlan plan;
    Objective objective;
    std::vector<ParameterGroup> groups;
    std::vector<at::Tensor> gates;             // by batch
    std::vector<double> penalties;             // by batch
    at::Tensor learned_before, learned_after;  // the only tensor of the last group
    at::Tensor weight_before, weight_after;    // of the model
  };

  GateTraining(Loss loss, std::int64_t batches) : loss_(std::move(loss)), batches_(batches) {
    const auto of_two = [](double value) { return at::full({2}, value, at::kDouble).requires_grad_(true); };
    tensors_.push_back({"weight", of_two(1), /*decays=*/true, /*is_linear=*/false, {}, {}});
    tensors_.push_back({"bias", of_two(0.5), /*decays=*/false, /*is_linear=*/false, {}, {}});
  }

  std::vector<Call> calls;
  std::int64_t diverging_call = -1, diverging_step = 0;

  const at::Tensor& weight() const { return tensors_[0].value; }
  const at::Tensor& bias() const { return tensors_[1].value; }

  const std::vector<TrainableTensor>& tensors() override { return tensors_; }
  std::int64_t steps(const TrainingPlan& plan) override { return batches_ / plan.accumulate * plan.epochs; }

  TrainingOutcome train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups, const Objective& objective,
                        const TrainingHooks& hooks) override {
    if (!hooks.gates || hooks.units == nullptr) throw PluginError("gates without their units");
    Call call{plan, objective, groups, {}, {}, copy(groups.back().tensors.at(0)), {}, copy(weight()), {}};
    TrainingOutcome outcome;
    while (outcome.steps < steps(plan) && !outcome.diverged) {
      outcome.diverged = static_cast<std::int64_t>(calls.size()) == diverging_call && outcome.steps == diverging_step;
      if (outcome.diverged) break;
      for (std::int64_t i = 0; i < plan.accumulate; ++i) {
        const auto gates = hooks.gates(outcome.steps, steps(plan));
        // The weight follows the gates, so that it tells one training from another.
        auto loss = loss_(gates) + (weight() - gates.detach().sum()).square().sum() + bias().square().sum();
        if (hooks.penalty) {
          const auto penalty = hooks.penalty();
          call.penalties.push_back(penalty.item<double>());
          loss = loss + penalty;
        }
        call.gates.push_back(copy(gates));
        (loss / static_cast<double>(plan.accumulate)).backward();
      }
      step(groups, plan.clip_norm);
      ++outcome.steps;
    }
    call.learned_after = copy(groups.back().tensors.at(0));
    call.weight_after = copy(weight());
    calls.push_back(std::move(call));
    return outcome;
  }

  PrunableModel& now() override { throw PluginError("the searcher looks at the model"); }
  PrunableModel& dense() override { throw PluginError("the searcher looks at the dense model"); }
  void scale_outputs(std::int64_t, const at::Tensor&) override { throw PluginError("the searcher scales"); }

 private:
  static at::Tensor copy(const at::Tensor& tensor) { return tensor.detach().clone(); }

  void step(const std::vector<ParameterGroup>& groups, double clip_norm) {
    const at::NoGradGuard no_gradients;
    double squares = 0;
    for (const auto& group : groups) {
      for (const auto& tensor : group.tensors) squares += tensor.grad().square().sum().item<double>();
    }
    const double share = clip_norm > 0 ? clip_norm / std::max(clip_norm, std::sqrt(squares)) : 1;
    for (const auto& group : groups) {
      for (const auto& tensor : group.tensors) at::Tensor(tensor).sub_(tensor.grad() * (share * group.learning_rate));
    }
    for (const auto& group : groups) {
      for (const auto& tensor : group.tensors) tensor.mutable_grad() = at::Tensor();
    }
    for (const auto& tensor : tensors_) tensor.value.mutable_grad() = at::Tensor();
  }

  Loss loss_;
  std::int64_t batches_;
  std::vector<TrainableTensor> tensors_;
};

// The loss is the sum of worth * (1 - gate)^2: a head without worth is useless.
inline GateTraining::Loss planted(std::vector<double> worths) {
  const auto worth = at::tensor(worths, at::kDouble);
  return [worth](const at::Tensor& gates) { return (worth * (1 - gates).square()).sum(); };
}

inline GateTraining::Loss indifferent() {
  return [](const at::Tensor& gates) { return gates.sum() * 0; };
}

class HeardReport final : public SearchReport {
 public:
  void say(const std::string& line) override { lines.push_back(line); }
  void note(const std::string& name, double value) override { numbers[name] = value; }
  void note(const std::string&, const std::string&) override {}
  void step(const std::map<std::string, double>& values) override { steps.push_back(values); }
  std::vector<std::string> lines;
  std::map<std::string, double> numbers;
  std::vector<std::map<std::string, double>> steps;
};

inline SearchBudget heads(std::int64_t count) {
  return {SearchBudget::Kind::Heads, static_cast<double>(count), Rounding::Nearest};
}

using Values = std::map<std::string, SettingValue>;  // of settings

inline Mask search(const Search& asked, const Units& units) { return test::search(asked, units, all_of(units), {}); }

inline std::int64_t count_of(const at::Tensor& flags) { return flags.sum().item<std::int64_t>(); }

inline Values with(Values values, const Values& more) {
  for (const auto& [name, value] : more) values[name] = value;
  return values;
}

inline const Units& two_by_four() {
  static const Units units(layers(2, 4, 2, 8), Granularity::Head);
  return units;
}

}  // namespace espalier::test
