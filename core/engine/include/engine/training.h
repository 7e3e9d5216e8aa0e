// Fine-tuning of a base model: AdamW with linear warm-up and linear decay, gradient clipping, the epoch that is best on
// the validation split.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/task.h"
#include "nn/model.h"
#include "words/cell_settings.h"

namespace espalier::engine {

struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  double training_loss = 0;
  std::map<std::string, double> validation;  // metrics; empty without a validation split
};

struct TrainingReport {
  std::vector<EpochReport> epochs;
  std::int64_t best_epoch = 0;
  std::int64_t steps = 0;
  double seconds = 0;
};

// A trained copy of `start`, whose head must fit the task. The best epoch is the best by the task's ranking metrics on
// the validation split (of equals the first); without a validation split the last. Throws InputError when the loss is no
// longer finite, naming the step.
std::unique_ptr<nn::Model> fine_tune(const nn::Model& start, Task& task, const TrainSettings& settings,
                                     std::uint64_t seed, TrainingReport& report, const Watch& watch);

}  // namespace espalier::engine
