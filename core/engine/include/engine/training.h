// Fine-tuning of a base model: AdamW with linear warm-up and linear decay, gradient clipping, the epoch that is best on
// the validation split.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/evaluation.h"
#include "engine/text_task.h"
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

using Say = std::function<void(const std::string&)>;

// A trained copy of `start`, whose head must fit the task. The best epoch is the one of highest validation accuracy
// (then lowest cross-entropy, then first); without a validation split the last. Throws InputError when the loss is no
// longer finite, naming the step.
std::unique_ptr<nn::Model> fine_tune(const nn::Model& start, TextTask& task, const TrainSettings& settings,
                                     std::uint64_t seed, TrainingReport& report, const Say& say,
                                     const InterruptCheck& interrupted);

}  // namespace espalier::engine
