#include "engine/training.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace espalier::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// AdamW (Loshchilov and Hutter, 2019) over two groups: weights decay, biases and layer norms do not.
class AdamW {
 public:
  AdamW(const std::vector<nn::Parameter>& parameters, double weight_decay) : weight_decay_(weight_decay) {
    for (const auto& parameter : parameters) {
      auto& group = parameter.decays ? decaying_ : plain_;
      group.parameters.push_back(parameter.tensor);
      group.first.push_back(at::zeros_like(parameter.tensor));
      group.second.push_back(at::zeros_like(parameter.tensor));
      group.steps.push_back(at::zeros({}, at::kFloat));
    }
  }

  void step(double learning_rate, double clip_norm) {
    const at::NoGradGuard no_gradient;
    if (clip_norm > 0) clip(clip_norm);
    update(decaying_, learning_rate, weight_decay_);
    update(plain_, learning_rate, 0);
  }

 private:
  struct Group {
    std::vector<at::Tensor> parameters, first, second, steps;
    // The parameters that took part in the step, with their gradients and moments.
    std::vector<at::Tensor> used, gradients, used_first, used_second, used_steps;
    void collect() {
      for (auto* list : {&used, &gradients, &used_first, &used_second, &used_steps}) list->clear();
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (!parameters[i].grad().defined()) continue;
        used.push_back(parameters[i]);
        gradients.push_back(parameters[i].grad());
        used_first.push_back(first[i]);
        used_second.push_back(second[i]);
        used_steps.push_back(steps[i]);
      }
    }
  };

  void clip(double clip_norm) {
    std::vector<at::Tensor> gradients;
    for (auto* group : {&decaying_, &plain_}) {
      group->collect();
      gradients.insert(gradients.end(), group->gradients.begin(), group->gradients.end());
    }
    const double norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients))).item<double>();
    // The small constant is the one of the usual implementation, so that runs compare.
    if (norm > clip_norm) at::_foreach_mul_(gradients, clip_norm / (norm + 1e-6));
  }

  void update(Group& group, double learning_rate, double weight_decay) {
    group.collect();
    if (group.used.empty()) return;
    at::_foreach_add_(group.used_steps, 1);
    at::_fused_adamw_(
        group.used, group.gradients, group.used_first, group.used_second, {}, group.used_steps, learning_rate,
        /*beta1=*/0.9, /*beta2=*/0.999, weight_decay, /*eps=*/1e-8, /*amsgrad=*/false, /*maximize=*/false);
    for (auto& parameter : group.used) parameter.mutable_grad() = at::Tensor();
  }

  double weight_decay_;
  Group decaying_, plain_;
};

// Linear warm-up to the peak, then linear decay to zero; step counts from 0.
double rate_at(std::int64_t step, std::int64_t steps, const TrainSettings& settings) {
  const double warmup_steps = std::ceil(settings.warmup * static_cast<double>(steps));
  const double now = static_cast<double>(step);
  if (now < warmup_steps) return settings.learning_rate * (now + 1) / warmup_steps;
  return settings.learning_rate *
         std::max(0.0, (static_cast<double>(steps) - now) / std::max(1.0, static_cast<double>(steps) - warmup_steps));
}

std::vector<at::Tensor> copies(const std::vector<nn::Parameter>& parameters) {
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : parameters) tensors.push_back(parameter.tensor.detach().clone());
  return tensors;
}

// "accuracy 0.8123, cross_entropy 0.5012"
std::string in_words(const Task& task, const Metrics& metrics) {
  std::string words;
  for (auto name : task.ranking_metrics()) {
    if (name.starts_with('-')) name.erase(0, 1);
    words += fmt::format("{}{} {:.4f}", words.empty() ? "" : ", ", name, metrics.at(name));
  }
  return words;
}

}  // namespace

std::unique_ptr<nn::Model> fine_tune(const nn::Model& start, Task& task, const TrainSettings& settings,
                                     std::uint64_t seed, TrainingReport& report, const Watch& watch) {
  const auto begun = Clock::now();
  auto model = start.trainable_copy();
  const auto parameters = model->parameters();
  for (const auto& parameter : parameters) at::Tensor(parameter.tensor).requires_grad_(true);
  AdamW optimiser(parameters, settings.weight_decay);
  Random shuffle(seed);
  auto dropout_generator = at::globalContext().defaultGenerator(at::kCPU);
  dropout_generator.set_current_seed(shuffle.next());

  const auto& train = task.split("train");
  const bool has_validation = task.has_split("validation");
  const std::int64_t steps_an_epoch = (train.examples->size() + settings.batch - 1) / settings.batch;
  const std::int64_t steps = steps_an_epoch * settings.epochs;
  std::vector<at::Tensor> best;
  auto last_said = begun;
  for (std::int64_t epoch = 1; epoch <= settings.epochs; ++epoch) {
    double loss_sum = 0;
    std::int64_t step_in_epoch = 0;
    for (const auto& step : data::training_steps(*train.examples, settings.batch, shuffle)) {
      watch.check();
      const auto loss = task.training_loss(*model, train, step, settings, shuffle);
      const double value = loss.item<double>();
      if (!std::isfinite(value)) {
        throw InputError(
            fmt::format("training diverged: the loss is {} at step {} of {}\n    lower the learning rate "
                        "(found {}) or raise the warm-up (found {})",
                        value, report.steps + 1, steps, settings.learning_rate, settings.warmup));
      }
      loss.backward();
      optimiser.step(rate_at(report.steps, steps, settings), settings.clip_norm);
      loss_sum += value;
      ++report.steps;
      ++step_in_epoch;
      if (seconds_since(last_said) > 5) {
        last_said = Clock::now();
        const double done = static_cast<double>(report.steps) / static_cast<double>(steps);
        const double elapsed = seconds_since(begun);
        watch.tell(fmt::format("training: epoch {} of {}, step {} of {}, loss {:.3f}, {:.0f} examples/s, {:.0f} s left",
                               epoch, settings.epochs, report.steps, steps,
                               loss_sum / static_cast<double>(step_in_epoch),
                               static_cast<double>(report.steps * settings.batch) / elapsed, elapsed / done - elapsed));
      }
    }
    EpochReport now{epoch, loss_sum / static_cast<double>(std::max<std::int64_t>(1, step_in_epoch)), {}};
    if (has_validation) now.validation = task.evaluate(*model, task.split("validation")).metrics;
    watch.tell(fmt::format("training: epoch {} of {} done, loss {:.4f}{}", epoch, settings.epochs, now.training_loss,
                           has_validation ? ", validation " + in_words(task, now.validation) : std::string()));
    const bool is_best =
        !has_validation || report.best_epoch == 0 ||
        task.better(now.validation, report.epochs[static_cast<std::size_t>(report.best_epoch - 1)].validation);
    report.epochs.push_back(now);
    if (is_best) {
      report.best_epoch = epoch;
      if (has_validation && epoch < settings.epochs) best = copies(parameters);
      if (epoch == settings.epochs) best.clear();
    }
  }
  const at::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto tensor = parameters[i].tensor;
    tensor.requires_grad_(false);
    if (!best.empty()) tensor.copy_(best[i]);
  }
  report.seconds = seconds_since(begun);
  return model;
}

}  // namespace espalier::engine
