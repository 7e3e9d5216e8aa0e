// A model as a plugin trains it: a copy of its own, made when it is first looked at, in the one training loop.
#pragma once

#include <espalier/training.h>

#include <memory>
#include <vector>

#include "engine/training.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

class ModelInTraining final : public TrainableModel {
 public:
  // All outlive this. `dense`: what the start came from, and the teacher that plugins call "dense".
  ModelInTraining(const nn::Model& start, const nn::Model& dense, tasks::Task& task, std::uint64_t seed,
                  const Watch& watch);
  ~ModelInTraining() override;

  const std::vector<TrainableTensor>& tensors() override;
  std::int64_t steps(const TrainingPlan& plan) override;
  TrainingOutcome train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups, const Objective& objective,
                        const TrainingHooks& hooks) override;
  PrunableModel& now() override;
  PrunableModel& dense() override;
  void scale_outputs(std::int64_t site, const at::Tensor& factors) override;

  // What the plugin left; null where it changed nothing.
  std::unique_ptr<nn::Model> release();
  const std::vector<TrainingReport>& reports() const { return reports_; }

 private:
  nn::Model& copy();
  void look();
  std::vector<at::Tensor> effective(std::vector<at::Tensor> values) const;
  bool trains_the_model(const std::vector<ParameterGroup>& groups) const;
  void ask_gradients_of(const std::vector<ParameterGroup>& groups);

  const nn::Model& start_;
  const nn::Model& dense_model_;
  tasks::Task& task_;
  std::uint64_t seed_;
  const Watch& watch_;
  std::unique_ptr<nn::Model> model_;
  bool changed_ = false;
  std::vector<TrainableTensor> tensors_;
  std::unique_ptr<PrunableModel> now_, dense_;
  std::vector<TrainingReport> reports_;
};

}  // namespace espalier::engine
