// From a pruned model to a repaired one, by a recovery plugin.
#pragma once

#include <memory>
#include <string>

#include "engine/base_model.h"
#include "engine/training.h"
#include "engine/untouched.h"
#include "loader/plugin_catalog.h"
#include "nn/model.h"

namespace espalier::engine {

struct RecoveryRequest {
  std::string recovery;
  Settings settings;  // complete
  std::int64_t seed = 0;
  ComputeType compute = ComputeType::Float32;
};

struct Recovered {
  std::unique_ptr<nn::Model> model;
  std::vector<TrainingReport> trainings;
};

// `dense`: what the pruned model came from, and its weights as they were read (null: as they are); `task`: its data. Throws what the plugin and its training throw; a training
// that diverges is a report, not an error.
Recovered recover(const loader::PluginCatalog& catalog, const nn::Model& pruned, const nn::Model& dense,
                  const Mask& mask, tasks::Task& task, const RecoveryRequest& request, const Watch& watch,
                  const ModelDigest* dense_weights = nullptr);

// The teacher that a name means: the dense model, or a checkpoint folder. Its classes are put into the order of the dense
// model's. Throws InputError where its classes, or how it reads the task's data (null: none), are not those of the dense
// model.
std::shared_ptr<const nn::Model> teacher_of(const std::string& name, const nn::Model& dense, const tasks::Task* task);
// The same, where classes are known and the dense model is not there yet.
void require_teacher(const std::string& name, const std::string& family, const std::vector<std::string>& labels,
                     const tasks::Task& task);

}  // namespace espalier::engine
