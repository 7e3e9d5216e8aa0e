#include "model_in_training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <optional>

#include "loader/visit.h"
#include "recovering.h"

namespace espalier::engine {

ModelInTraining::ModelInTraining(const nn::Model& start, const nn::Model& dense, tasks::Task& task, std::uint64_t seed,
                                 const Watch& watch)
    : start_(start), dense_model_(dense), task_(task), seed_(seed), watch_(watch) {}

ModelInTraining::~ModelInTraining() = default;

nn::Model& ModelInTraining::copy() {
  if (!model_) {
    model_ = start_.trainable_copy();
    look();
  }
  return *model_;
}

void ModelInTraining::look() {
  tensors_.clear();
  for (const auto& parameter : model_->parameters()) {
    auto value = parameter.tensor;
    value.requires_grad_(true);
    tensors_.push_back(
        {parameter.name, value, parameter.decays, parameter.is_linear, parameter.blocks, parameter.fixed});
  }
}

const std::vector<TrainableTensor>& ModelInTraining::tensors() {
  copy();
  // A plugin may write into what it is shown.
  changed_ = true;
  return tensors_;
}

std::int64_t ModelInTraining::steps(const TrainingPlan& plan) {
  return optimiser_steps(plan, tasks::examples_with_loss(task_.split("train")));
}

namespace {

bool trained(const at::Tensor& tensor, const std::vector<ParameterGroup>& groups) {
  return std::any_of(groups.begin(), groups.end(), [&](const ParameterGroup& group) {
    return std::any_of(group.tensors.begin(), group.tensors.end(),
                       [&](const at::Tensor& member) { return member.is_same(tensor); });
  });
}

}  // namespace

bool ModelInTraining::trains_the_model(const std::vector<ParameterGroup>& groups) const {
  return std::any_of(tensors_.begin(), tensors_.end(),
                     [&](const TrainableTensor& tensor) { return trained(tensor.value, groups); });
}

// Gradients of tensors that nobody trains would cost a third of a step.
void ModelInTraining::ask_gradients_of(const std::vector<ParameterGroup>& groups) {
  for (const auto& tensor : tensors_) at::Tensor(tensor.value).requires_grad_(trained(tensor.value, groups));
}

TrainingOutcome ModelInTraining::train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups,
                                       const Objective& objective, const TrainingHooks& hooks) {
  const c10::InferenceMode ordinary(false);
  loader::put_folder_back();
  auto& model = copy();
  changed_ = changed_ || hooks.weights || trains_the_model(groups);
  now_.reset();
  if (hooks.gates && hooks.units == nullptr) throw PluginError("a plugin trains gates and names no units for them");
  const auto teacher = objective.distillation != 0 ? teacher_of(objective.teacher, dense_model_, &task_) : nullptr;
  const auto& split = task_.split("train");
  static const TrainSettings plain;
  Training training;
  training.groups = groups;
  training.loss = [&](const std::vector<data::Rows>& batch, Random& random, TrainingStep now) {
    const auto computing = hooks.weights ? model.with_parameters(effective(hooks.weights())) : nullptr;
    std::optional<nn::Gates> gates;
    if (hooks.gates) gates.emplace(nn::Gates{*hooks.units, hooks.gates(now.step, now.steps)});
    const tasks::Aim aim{plain, objective, teacher.get(), gates ? &*gates : nullptr};
    auto loss = task_.training_loss(computing ? *computing : model, split, batch, aim, random);
    if (hooks.penalty) loss = loss + hooks.penalty().to(loss.options());
    return loss;
  };
  if (task_.has_split("validation") && !hooks.gates) {
    training.validate = [&] {
      const at::NoGradGuard no_gradients;
      const auto computing = hooks.weights ? model.with_parameters(effective(hooks.weights())) : nullptr;
      return task_.evaluate(computing ? *computing : model, task_.split("validation")).metrics;
    };
  }
  training.gives_numbers = [&](const std::vector<data::Rows>& batch) {
    const at::NoGradGuard no_gradients;
    const auto computing = hooks.weights ? model.with_parameters(effective(hooks.weights())) : nullptr;
    return engine::gives_numbers(computing ? *computing : model, split, batch);
  };
  // What is fixed neither moves nor decays: its gradient may be rounding noise, which AdamW would scale up.
  std::vector<std::pair<at::Tensor, at::Tensor>> fixed;  // a tensor, and its values where it is fixed
  for (const auto& tensor : tensors_) {
    if (tensor.fixed.defined()) fixed.emplace_back(tensor.value, tensor.value.detach().clone());
  }
  training.after_step = [&] {
    const at::NoGradGuard no_gradients;
    std::size_t next = 0;
    for (const auto& tensor : tensors_) {
      if (!tensor.fixed.defined()) continue;
      auto value = fixed[next].first;
      value.copy_(at::where(tensor.fixed, fixed[next].second, value));
      ++next;
    }
  };
  if (!hooks.weights) ask_gradients_of(groups);
  reports_.push_back(engine::train(training, plan, task_, seed_ + reports_.size(), watch_));
  if (hooks.weights) {
    const at::NoGradGuard no_gradients;
    const auto values = effective(hooks.weights());
    std::vector<at::Tensor> copies;  // before any is written: new values may be made from old ones
    for (const auto& value : values) copies.push_back(value.detach().clone());
    for (std::size_t i = 0; i < tensors_.size(); ++i) at::Tensor(tensors_[i].value).copy_(copies[i]);
  }
  for (const auto& tensor : tensors_) at::Tensor(tensor.value).requires_grad_(true);
  const auto& report = reports_.back();
  return {report.steps, report.best_epoch, !report.divergence.empty()};
}

PrunableModel& ModelInTraining::now() {
  if (!now_) now_ = copy().prunable();
  return *now_;
}

PrunableModel& ModelInTraining::dense() {
  if (!dense_) dense_ = dense_model_.prunable();
  return *dense_;
}

void ModelInTraining::scale_outputs(std::int64_t site, const at::Tensor& factors) {
  const auto& model = copy();
  if (!all_finite({factors})) throw PluginError("a plugin scales what a site writes by factors that are not finite");
  changed_ = true;
  now_.reset();
  model_ = model.with_scaled_outputs(site, factors)->trainable_copy();
  look();
}

std::unique_ptr<nn::Model> ModelInTraining::release() {
  now_.reset();
  if (!changed_) return nullptr;
  for (const auto& tensor : tensors_) at::Tensor(tensor.value).requires_grad_(false);
  return std::move(model_);
}

// Fixed entries keep their values, whatever a plugin makes of them.
std::vector<at::Tensor> ModelInTraining::effective(std::vector<at::Tensor> values) const {
  if (values.size() != tensors_.size()) {
    throw PluginError("a plugin gave " + std::to_string(values.size()) + " weights for " +
                      std::to_string(tensors_.size()) + " tensors");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& tensor = tensors_[i];
    if (!values[i].defined() || values[i].sizes() != tensor.value.sizes())
      throw PluginError("a plugin gave weights of another shape for " + tensor.name);
    if (tensor.fixed.defined()) values[i] = at::where(tensor.fixed, tensor.value.detach(), values[i]);
  }
  return values;
}

}  // namespace espalier::engine
