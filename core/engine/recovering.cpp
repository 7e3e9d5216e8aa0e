#include "engine/recovering.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/where.h>
#include <espalier/error.h>

#include "engine/compute_type.h"

namespace espalier::engine {
namespace {

// A pruned model as a recovery sees it. Tensors that train() changed are the model's own.
class ModelUnderRepair final : public PrunedModel {
 public:
  ModelUnderRepair(const nn::Model& pruned, const nn::Model& dense, Task& task, std::uint64_t seed, const Watch& watch)
      : dense_model_(dense), task_(task), seed_(seed), watch_(watch), model_(pruned.trainable_copy()) {
    look();
  }

  const std::vector<TrainableTensor>& tensors() const override { return tensors_; }

  TrainingOutcome train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups, const Objective& objective,
                        const Weights& weights) override {
    const auto teacher = objective.distillation != 0 ? teacher_of(objective.teacher, dense_model_) : nullptr;
    const auto& split = task_.split("train");
    static const TrainSettings plain;
    Training training;
    training.groups = groups;
    training.loss = [&](const std::vector<data::Rows>& batch, Random& random) {
      const auto computing = weights ? model_->with_parameters(effective(weights())) : nullptr;
      return task_.training_loss(computing ? *computing : *model_, split, batch, {plain, objective, teacher.get()},
                                 random);
    };
    if (task_.has_split("validation")) {
      training.validate = [&] {
        const at::NoGradGuard no_gradients;
        const auto computing = weights ? model_->with_parameters(effective(weights())) : nullptr;
        return task_.evaluate(computing ? *computing : *model_, task_.split("validation")).metrics;
      };
    }
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
    reports_.push_back(engine::train(training, plan, task_, seed_ + reports_.size(), watch_));
    if (weights) {
      const at::NoGradGuard no_gradients;
      const auto values = effective(weights());
      std::vector<at::Tensor> copies;  // before any is written: new values may be made from old ones
      for (const auto& value : values) copies.push_back(value.detach().clone());
      for (std::size_t i = 0; i < tensors_.size(); ++i) at::Tensor(tensors_[i].value).copy_(copies[i]);
    }
    forget();
    const auto& report = reports_.back();
    return {report.steps, report.best_epoch, !report.divergence.empty()};
  }

  PrunableModel& now() override {
    if (!now_) now_ = model_->prunable();
    return *now_;
  }
  PrunableModel& dense() override {
    if (!dense_) dense_ = dense_model_.prunable();
    return *dense_;
  }
  void scale_outputs(std::int64_t site, const at::Tensor& factors) override {
    forget();
    model_ = model_->with_scaled_outputs(site, factors)->trainable_copy();
    look();
  }

  std::unique_ptr<nn::Model> release() {
    forget();
    for (const auto& tensor : tensors_) at::Tensor(tensor.value).requires_grad_(false);
    return std::move(model_);
  }
  std::vector<TrainingReport>& reports() { return reports_; }

 private:
  void look() {
    tensors_.clear();
    for (const auto& parameter : model_->parameters()) {
      auto value = parameter.tensor;
      value.requires_grad_(true);
      tensors_.push_back(
          {parameter.name, value, parameter.decays, parameter.is_linear, parameter.blocks, parameter.fixed});
    }
  }
  void forget() { now_.reset(); }

  // Fixed entries keep their values, whatever a recovery makes of them.
  std::vector<at::Tensor> effective(std::vector<at::Tensor> values) const {
    if (values.size() != tensors_.size()) {
      throw PluginError("a recovery gave " + std::to_string(values.size()) + " weights for " +
                        std::to_string(tensors_.size()) + " tensors");
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& tensor = tensors_[i];
      if (!values[i].defined() || values[i].sizes() != tensor.value.sizes())
        throw PluginError("a recovery gave weights of another shape for " + tensor.name);
      if (tensor.fixed.defined()) values[i] = at::where(tensor.fixed, tensor.value.detach(), values[i]);
    }
    return values;
  }

  const nn::Model& dense_model_;
  Task& task_;
  std::uint64_t seed_;
  const Watch& watch_;
  std::unique_ptr<nn::Model> model_;
  std::vector<TrainableTensor> tensors_;
  std::unique_ptr<PrunableModel> now_, dense_;
  std::vector<TrainingReport> reports_;
};

// Not owned: the dense model outlives every use.
std::shared_ptr<const nn::Model> borrowed(const nn::Model& model) { return {std::shared_ptr<void>(), &model}; }

}  // namespace

std::shared_ptr<const nn::Model> teacher_of(const std::string& name, const nn::Model& dense) {
  if (name == "dense") return borrowed(dense);
  return nn::read_model(name, dense.family());
}

Recovered recover(const loader::PluginCatalog& catalog, const nn::Model& pruned, const nn::Model& dense,
                  const Mask& mask, Task& task, const RecoveryRequest& request, const Watch& watch) {
  const auto& plugin = catalog.find("recovery", request.recovery);
  const auto recovery = catalog.make_recovery(request.recovery, request.settings);
  const Split* split =
      (plugin.traits & needs_data) != 0 ? &task.split(request.settings.get<std::string>("split")) : nullptr;
  ScoringBatches batches(split, pruned, request.settings, plugin.traits);
  Random random(seed_for("recovery " + request.recovery, request.seed));
  const ComputeType compute(request.compute);
  ModelUnderRepair model(pruned, dense, task, seed_for("recovery training " + request.recovery, request.seed), watch);
  RecoveryTask recovery_task{model, mask, batches, random};
  loader::call_recovery(request.recovery, *recovery, recovery_task);
  return {model.release(), std::move(model.reports())};
}

}  // namespace espalier::engine
