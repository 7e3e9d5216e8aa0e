#include "engine/training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numbers>

#include "data/finiteness.h"
#include "nn/arithmetic.h"
#include "nn/device.h"

namespace espalier::engine {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// AdamW (Loshchilov and Hutter, 2019), or SGD with momentum, over groups of tensors.
class Optimiser {
 public:
  Optimiser(const std::vector<ParameterGroup>& groups, const TrainingPlan& plan)
      : groups_(groups), plan_(plan), states_(groups.size()) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      for (const auto& tensor : groups[i].tensors) {
        states_[i].push_back({at::zeros_like(tensor), plan.optimiser == "adamw" ? at::zeros_like(tensor) : at::Tensor(),
                              at::zeros({}, tensor.options().dtype(at::kFloat).requires_grad(false))});
      }
    }
  }

  // `share`: of each group's learning rate.
  void step(double share) {
    const at::NoGradGuard no_gradient;
    std::vector<Used> used;
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      used.push_back(collect(i));
      gradients.insert(gradients.end(), used.back().gradients.begin(), used.back().gradients.end());
    }
    if (gradients.empty()) return;
    if (plan_.clip_norm > 0) clip(gradients);
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      for (auto& together : by_device(std::move(used[i])))
        update(groups_[i], together, share * groups_[i].learning_rate);
    }
    ++steps_;
    for (const auto& group : groups_) {
      for (const auto& tensor : group.tensors) tensor.mutable_grad() = at::Tensor();
    }
  }

 private:
  struct Moments {
    at::Tensor first, second, steps;
  };
  // The tensors that took part in the step, with their gradients and moments.
  struct Used {
    std::vector<at::Tensor> tensors, gradients, first, second, steps;
  };

  Used collect(std::size_t group) {
    Used used;
    for (std::size_t i = 0; i < groups_[group].tensors.size(); ++i) {
      const auto& tensor = groups_[group].tensors[i];
      if (!tensor.grad().defined()) continue;
      const auto& moments = states_[group][i];
      used.tensors.push_back(tensor);
      used.gradients.push_back(tensor.grad());
      used.first.push_back(moments.first);
      used.second.push_back(moments.second);
      used.steps.push_back(moments.steps);
    }
    return used;
  }

  // A searcher may train gates of its own on the CPU beside a model on a GPU.
  static std::vector<Used> by_device(Used used) {
    const auto same = [&](const at::Tensor& tensor) { return tensor.device() == used.tensors.front().device(); };
    if (used.tensors.empty() || std::all_of(used.tensors.begin(), used.tensors.end(), same)) return {std::move(used)};
    std::map<std::string, Used> parts;
    for (std::size_t i = 0; i < used.tensors.size(); ++i) {
      auto& part = parts[used.tensors[i].device().str()];
      part.tensors.push_back(used.tensors[i]);
      part.gradients.push_back(used.gradients[i]);
      part.first.push_back(used.first[i]);
      part.second.push_back(used.second[i]);
      part.steps.push_back(used.steps[i]);
    }
    std::vector<Used> all;
    for (auto& [device, part] : parts) all.push_back(std::move(part));
    return all;
  }

  // Without waiting for the norm where gradients are on a GPU.
  void clip_on_device(const std::vector<at::Tensor>& gradients, const at::Device& device) const {
    std::vector<at::Tensor> here, on_cpu, norms;
    for (const auto& gradient : gradients) (gradient.is_cpu() ? on_cpu : here).push_back(gradient);
    for (const auto* some : {&here, &on_cpu}) {
      if (some->empty()) continue;
      for (const auto& norm : at::_foreach_norm(*some)) norms.push_back(norm.to(device, at::kFloat));
    }
    const auto norm = at::linalg_vector_norm(at::stack(norms));
    const auto factor = (plan_.clip_norm / (norm + 1e-6)).clamp_max(1);  // as below
    at::_foreach_mul_(here, factor);
    if (!on_cpu.empty()) at::_foreach_mul_(on_cpu, factor.cpu());
  }

  void clip(std::vector<at::Tensor>& gradients) const {
    for (const auto& gradient : gradients) {
      if (!gradient.is_cpu()) return clip_on_device(gradients, gradient.device());
    }
    const double norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients))).item<double>();
    // The small constant is the one of the usual implementation, so that runs compare.
    if (norm > plan_.clip_norm) at::_foreach_mul_(gradients, plan_.clip_norm / (norm + 1e-6));
  }

  void update(const ParameterGroup& group, Used& used, double learning_rate) const {
    if (used.tensors.empty()) return;
    if (plan_.optimiser == "sgd") {
      const auto buffers = plan_.momentum > 0 ? used.first : std::vector<at::Tensor>();
      at::_fused_sgd_(used.tensors, used.gradients, buffers, group.weight_decay, plan_.momentum, learning_rate,
                      /*dampening=*/0, /*nesterov=*/false, /*maximize=*/false, /*is_first_step=*/steps_ == 0);
      return;
    }
    at::_foreach_add_(used.steps, 1);
    at::_fused_adamw_(used.tensors, used.gradients, used.first, used.second, {}, used.steps, learning_rate,
                      /*beta1=*/0.9, /*beta2=*/0.999, group.weight_decay, /*eps=*/1e-8, /*amsgrad=*/false,
                      /*maximize=*/false);
  }

  const std::vector<ParameterGroup>& groups_;
  const TrainingPlan& plan_;
  std::vector<std::vector<Moments>> states_;
  std::int64_t steps_ = 0;
};

// Copies of the groups' tensors, to come back to.
class Snapshot {
 public:
  explicit Snapshot(const std::vector<ParameterGroup>& groups) : groups_(groups) {}

  void take() {
    const at::NoGradGuard no_gradient;
    copies_.clear();
    for (const auto& group : groups_) {
      for (const auto& tensor : group.tensors) copies_.push_back(tensor.detach().clone());
    }
  }
  void drop() { copies_.clear(); }
  void restore() const {
    const at::NoGradGuard no_gradient;
    std::size_t next = 0;
    if (copies_.empty()) return;
    for (const auto& group : groups_) {
      for (const auto& tensor : group.tensors) at::Tensor(tensor).copy_(copies_[next++]);
    }
  }

 private:
  const std::vector<ParameterGroup>& groups_;
  std::vector<at::Tensor> copies_;
};

// "accuracy 0.8123, cross_entropy 0.5012"
std::string in_words(const tasks::Task& task, const tasks::Metrics& metrics) {
  std::string words;
  for (const auto& name : task.ranking_metrics()) {
    if (const auto found = metrics.find(name); found != metrics.end())
      words += fmt::format("{}{} {:.4f}", words.empty() ? "" : ", ", name, found->second);
  }
  return words;
}

void check(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups) {
  std::string problems;
  const auto complain = [&](const std::string& problem) { problems += (problems.empty() ? "" : "\n") + problem; };
  if (plan.optimiser != "adamw" && plan.optimiser != "sgd")
    complain("optimiser '" + plan.optimiser + "' is not known: expected adamw or sgd");
  if (plan.decay != "cosine" && plan.decay != "linear" && plan.decay != "none")
    complain("decay '" + plan.decay + "' is not known: expected cosine, linear or none");
  if (plan.epochs < 0) complain(fmt::format("epochs is {}, expected 0 or more", plan.epochs));
  if (plan.batch < 1) complain(fmt::format("batch is {}, expected at least 1", plan.batch));
  if (plan.accumulate < 1) complain(fmt::format("accumulate is {}, expected at least 1", plan.accumulate));
  if (!(plan.warmup >= 0 && plan.warmup <= 1)) complain(fmt::format("warmup is {}, expected 0 to 1", plan.warmup));
  if (!(plan.clip_norm >= 0)) complain(fmt::format("clip_norm is {}, expected 0 or more", plan.clip_norm));
  if (!(plan.momentum >= 0 && plan.momentum < 1))
    complain(fmt::format("momentum is {}, expected 0 to below 1", plan.momentum));
  for (const auto& group : groups) {
    if (!(group.learning_rate >= 0 && std::isfinite(group.learning_rate)))
      complain(fmt::format("learning_rate is {}, expected 0 or more", group.learning_rate));
  }
  if (!problems.empty()) throw SettingsError("training cannot start\n" + problems);
}

bool all_finite(const std::vector<ParameterGroup>& groups) {
  return std::all_of(groups.begin(), groups.end(),
                     [](const ParameterGroup& group) { return engine::all_finite(group.tensors); });
}

// What is not a number any more after an epoch; empty: all is.
std::string what_diverged(const Training& training, const EpochReport& epoch, const std::vector<data::Rows>& batch,
                          std::int64_t step, std::int64_t steps) {
  if (!all_finite(training.groups)) return fmt::format("weights are not finite after step {} of {}", step, steps);
  if (const auto broken = data::examples_not_finite(epoch.validation); broken > 0)
    return fmt::format("after epoch {} the model gives no numbers for {} examples of the validation split", epoch.epoch,
                       broken);
  if (!training.validate && training.gives_numbers && !batch.empty() && !training.gives_numbers(batch))
    return fmt::format("the model gives no numbers after step {} of {}", step, steps);
  return {};
}

}  // namespace

bool all_finite(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_gradients;
  return std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) {
    return !tensor.is_floating_point() || at::isfinite(tensor).all().item<bool>();
  });
}

bool gives_numbers(const nn::Model& model, const tasks::Split& split, const std::vector<data::Rows>& batch) {
  const at::NoGradGuard no_gradients;
  std::vector<Batch> batches;
  for (const auto& rows : batch) batches.push_back(split.examples->batch(rows));
  return all_finite({model.logits(batches)});
}

double rate_at(std::int64_t step, std::int64_t steps, const TrainingPlan& plan) {
  const double warmup_steps = std::ceil(plan.warmup * static_cast<double>(steps));
  const double now = static_cast<double>(step);
  if (now < warmup_steps) return (now + 1) / warmup_steps;
  const double left = std::max(1.0, static_cast<double>(steps) - warmup_steps);
  if (plan.decay == "none") return 1;
  if (plan.decay == "linear") return std::max(0.0, (static_cast<double>(steps) - now) / left);
  return (1 + std::cos(std::numbers::pi * std::min(1.0, (now - warmup_steps) / left))) / 2;
}

std::int64_t optimiser_steps(const TrainingPlan& plan, std::int64_t examples) {
  const std::int64_t batches_an_epoch = (examples + plan.batch - 1) / plan.batch;
  return (batches_an_epoch + plan.accumulate - 1) / plan.accumulate * plan.epochs;
}

namespace {

// One run of the loop.
class TrainingRun {
 public:
  TrainingRun(Training& training, const TrainingPlan& plan, tasks::Task& task, std::uint64_t seed, const Watch& watch)
      : training_(training),
        plan_(plan),
        task_(task),
        watch_(watch),
        optimiser_(training.groups, plan),
        best_(training.groups),
        shuffle_(seed) {
    nn::seed_generators(task.device().place, shuffle_.next());  // of dropout
    const auto examples = tasks::examples_with_loss(task.split("train"));
    batches_an_epoch_ = (examples + plan.batch - 1) / plan.batch;
    steps_ = optimiser_steps(plan, examples);
    best_.take();  // to come back to if nothing better comes
  }

  TrainingReport run() {
    for (std::int64_t epoch = 1; epoch <= plan_.epochs && report_.divergence.empty(); ++epoch) pass(epoch);
    best_.restore();
    for (const auto& group : training_.groups) {
      for (const auto& tensor : group.tensors) tensor.mutable_grad() = at::Tensor();
    }
    report_.seconds = seconds_since(begun_);
    return std::move(report_);
  }

 private:
  // One epoch over the train split.
  void pass(std::int64_t epoch) {
    loss_sum_ = 0;
    seen_ = read_ = 0;
    const auto batches = data::training_steps(*task_.split("train").examples, plan_.batch, shuffle_);
    for (const auto& batch : batches) {
      watch_.check();
      if (!add_gradients(batch)) return;
      if (seen_ % plan_.accumulate == 0 || seen_ == batches_an_epoch_) step(epoch);
    }
    if (!read_loss()) return;
    end_epoch(epoch, batches.empty() ? std::vector<data::Rows>() : batches.back());
  }

  // False where the loss is no number.
  bool add_gradients(const std::vector<data::Rows>& batch) {
    // The last step of an epoch may average fewer batches.
    const auto together = std::min(plan_.accumulate, batches_an_epoch_ - seen_ / plan_.accumulate * plan_.accumulate);
    const auto loss = training_.loss(batch, shuffle_, {report_.steps, steps_});
    const bool waits = !loss.is_cpu();
    if (waits && !read_loss()) return false;
    unread_ = {loss.detach(), report_.steps + 1};
    if (!waits && !read_loss()) return false;
    (together == 1 ? loss : loss / static_cast<double>(together)).backward();
    ++seen_;
    return true;
  }

  // The loss of the last batch. A GPU's is looked at when the next one is on its way: waiting for it would leave the GPU
  // without work. False where it is no number.
  bool read_loss() {
    if (!unread_.loss.defined()) return true;
    const double value = unread_.loss.item<double>();
    unread_.loss = at::Tensor();
    if (!std::isfinite(value)) {
      diverge(fmt::format("the loss is {} at step {} of {}", value, unread_.step, steps_));
      return false;
    }
    loss_sum_ += value;
    ++read_;
    return true;
  }

  void step(std::int64_t epoch) {
    optimiser_.step(rate_at(report_.steps, steps_, plan_));
    nn::forget_cast_weights();
    if (training_.after_step) training_.after_step();
    ++report_.steps;
    if (seconds_since(last_said_) <= 5) return;
    last_said_ = Clock::now();
    const double done = static_cast<double>(report_.steps) / static_cast<double>(steps_);
    const double elapsed = seconds_since(begun_);
    watch_.tell(fmt::format(
        "training: epoch {} of {}, step {} of {}, loss {:.3f}, {:.0f} examples/s, {:.0f} s left", epoch, plan_.epochs,
        report_.steps, steps_, loss_sum_ / static_cast<double>(std::max<std::int64_t>(1, read_)),
        static_cast<double>(report_.steps * plan_.batch * plan_.accumulate) / elapsed, elapsed / done - elapsed));
  }

  void end_epoch(std::int64_t epoch, const std::vector<data::Rows>& last_batch) {
    EpochReport now{epoch, loss_sum_ / static_cast<double>(std::max<std::int64_t>(1, seen_)), {}};
    if (training_.validate) now.validation = training_.validate();
    if (const auto what = what_diverged(training_, now, last_batch, report_.steps, steps_); !what.empty()) {
      diverge(what);
      return;
    }
    watch_.tell(fmt::format("training: epoch {} of {} done, loss {:.4f}{}", epoch, plan_.epochs, now.training_loss,
                            training_.validate ? ", validation " + in_words(task_, now.validation) : std::string()));
    const bool chooses = training_.validate && plan_.best_on_validation;
    const bool is_best =
        !chooses || report_.best_epoch == 0 ||
        task_.better(now.validation, report_.epochs[static_cast<std::size_t>(report_.best_epoch - 1)].validation);
    report_.epochs.push_back(std::move(now));
    if (!is_best) return;
    report_.best_epoch = epoch;
    if (epoch == plan_.epochs)
      best_.drop();
    else
      best_.take();
  }

  void diverge(const std::string& what) {
    const double peak = training_.groups.empty() ? 0 : training_.groups.front().learning_rate;
    report_.divergence = fmt::format("{}\n    lower the learning rate (found {}) or raise the warm-up (found {})", what,
                                     peak, plan_.warmup);
  }

  Training& training_;
  const TrainingPlan& plan_;
  tasks::Task& task_;
  const Watch& watch_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point last_said_ = begun_;
  Optimiser optimiser_;
  Snapshot best_;
  Random shuffle_;
  std::int64_t batches_an_epoch_ = 0, steps_ = 0;
  // Of the epoch so far.
  double loss_sum_ = 0;
  std::int64_t seen_ = 0, read_ = 0;  // batches, and those of them whose loss was looked at
  struct {
    at::Tensor loss;
    std::int64_t step = 0;
  } unread_;
  TrainingReport report_;
};

}  // namespace

TrainingReport train(Training& training, const TrainingPlan& plan, tasks::Task& task, std::uint64_t seed,
                     const Watch& watch) {
  check(plan, training.groups);
  const nn::DeterministicGuard deterministic(task.device().place);
  return TrainingRun(training, plan, task, seed, watch).run();
}

std::unique_ptr<nn::Model> fine_tune(const nn::Model& start, tasks::Task& task, const TrainSettings& settings,
                                     std::uint64_t seed, TrainingReport& report, const Watch& watch) {
  auto model = start.trainable_copy();
  const auto parameters = model->parameters();
  for (const auto& parameter : parameters) at::Tensor(parameter.tensor).requires_grad_(true);
  Training training;
  training.groups = {{{}, settings.learning_rate, settings.weight_decay}, {{}, settings.learning_rate, 0}};
  for (const auto& parameter : parameters)
    training.groups[parameter.decays ? 0 : 1].tensors.push_back(parameter.tensor);
  const auto& split = task.split("train");
  training.loss = [&](const std::vector<data::Rows>& batch, Random& random, TrainingStep) {
    return task.training_loss(*model, split, batch, {settings}, random);
  };
  if (task.has_split("validation"))
    training.validate = [&] { return task.evaluate(*model, task.split("validation")).metrics; };
  training.gives_numbers = [&](const std::vector<data::Rows>& batch) { return gives_numbers(*model, split, batch); };
  TrainingPlan plan;
  plan.epochs = settings.epochs;
  plan.batch = settings.batch;
  plan.warmup = settings.warmup;
  plan.decay = "linear";
  plan.clip_norm = settings.clip_norm;
  report = train(training, plan, task, seed, watch);
  if (!report.divergence.empty()) throw InputError("training diverged: " + report.divergence);
  for (const auto& parameter : parameters) at::Tensor(parameter.tensor).requires_grad_(false);
  return model;
}

}  // namespace espalier::engine
