// The one training loop: base models, recoveries and learned gates all go through it. AdamW or SGD with momentum over
// groups of tensors, warm-up, decay, clipping, accumulation, the epoch that is best on the validation split.
#pragma once

#include <espalier/recovery.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/point.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

// Where a training is: optimiser steps made, of all.
struct TrainingStep {
  std::int64_t step = 0, steps = 0;
};

// What is trained: tensors, and what they are worth. Tensors are changed in place.
struct Training {
  std::vector<ParameterGroup> groups;
  // The mean loss of one batch of the train split, differentiable in the groups' tensors.
  std::function<at::Tensor(const std::vector<data::Rows>& batch, Random& random, TrainingStep now)> loss;
  std::function<tasks::Metrics()> validate = {};  // empty: there is no validation split, and the last epoch is kept
  // Whether what is trained gives numbers for a batch as it is now; asked after each epoch that is not validated.
  std::function<bool(const std::vector<data::Rows>& batch)> gives_numbers = {};
  std::function<void()> after_step = {};  // puts back what must not change
};

// Learning rate of a step (counted from 0) as a share of the peak: linear growth over the warm-up, then the decay.
double rate_at(std::int64_t step, std::int64_t steps, const TrainingPlan& plan);

// Optimiser steps of a plan on so many examples.
std::int64_t optimiser_steps(const TrainingPlan& plan, std::int64_t examples);

// Runs the loop over the train split of a task. The groups end as they were after the best epoch by the task's ranking
// metrics (of equals the first). It ends where the loss, the tensors or, after an epoch, the metrics or outputs are no
// longer numbers: report.divergence says where, and the groups are those of the best epoch before, or as they were at
// the start. Throws SettingsError for a plan that makes no sense.
TrainingReport train(Training& training, const TrainingPlan& plan, tasks::Task& task, std::uint64_t seed,
                     const Watch& watch);

// Whether a model's logits of these rows are all numbers; without dropout, so that no random number is drawn.
bool gives_numbers(const nn::Model& model, const tasks::Split& split, const std::vector<data::Rows>& batch);
// Whether all numbers of these tensors are finite.
bool all_finite(const std::vector<at::Tensor>& tensors);

// A trained copy of `start`, whose head must fit the task. Throws InputError when the training diverges, naming the step;
// the report then says so, too.
std::unique_ptr<nn::Model> fine_tune(const nn::Model& start, tasks::Task& task, const TrainSettings& settings,
                                     std::uint64_t seed, TrainingReport& report, const Watch& watch);

}  // namespace espalier::engine
