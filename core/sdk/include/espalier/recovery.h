// A recovery repairs a pruned model: the host calls recover() after each pruning step, on one thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/settings.h>
#include <espalier/units.h>

namespace espalier {

// A tensor of the model that training may change.
struct TrainableTensor {
  std::string name;                  // as the checkpoint has it; Q, K and V of a site are one tensor, "...qkv"
  at::Tensor value;                  // a leaf that requires its gradient
  bool decays = true;                // false for biases and norms
  bool is_linear = false;            // the weight of a linear layer: [rows, columns]
  std::vector<std::int64_t> blocks;  // rows of the matrices that stand in it, one below the other: Q, K and V
  at::Tensor fixed;                  // bool, like value: entries that stay as they are; undefined: none
};

// Tensors that are trained alike.
struct ParameterGroup {
  std::vector<at::Tensor> tensors;  // leaves that require their gradient
  double learning_rate = 0;
  double weight_decay = 0;
};

// How the one training loop runs.
struct TrainingPlan {
  std::string optimiser = "adamw";  // or "sgd"
  double momentum = 0.9;            // of sgd
  std::int64_t epochs = 1;
  std::int64_t batch = 32;
  std::int64_t accumulate = 1;     // batches whose gradients are averaged before a step
  double warmup = 0.05;            // share of the steps in which rates grow from zero
  std::string decay = "cosine";    // afterwards: "cosine" or "linear" to zero, "none"
  double clip_norm = 1.0;          // largest norm of the whole gradient; 0: no clipping
  bool best_on_validation = true;  // end with the epoch that is best on the validation split
};

// The plan that ESPALIER_TRAINING_SETTINGS describe.
ESPALIER_SDK_API TrainingPlan training_plan(const Settings& settings);
// Groups for training tensors alike but for decay, which biases and norms do not get; rate and decay from the settings.
ESPALIER_SDK_API std::vector<ParameterGroup> parameter_groups(const std::vector<TrainableTensor>& tensors,
                                                              const Settings& settings);

// What is minimised: task * loss + distillation * temperature^2 * KL(teacher || student), both at that temperature.
struct Objective {
  std::string loss = "task";  // or "bce": of one class an example, binary cross-entropy with it
  double task = 1;
  double distillation = 0;
  double temperature = 2;
  std::string teacher = "dense";  // the model before pruning, or a checkpoint folder
};

struct TrainingOutcome {
  std::int64_t steps = 0, best_epoch = 0;
  bool diverged = false;  // a loss was not finite: weights are those of the best epoch, or as before
};

// The pruned model under repair.
class ESPALIER_SDK_API PrunedModel {
 public:
  virtual ~PrunedModel();

  // Everything that training may change, in a fixed order.
  virtual const std::vector<TrainableTensor>& tensors() const = 0;
  // The values that the model computes with, in the order of tensors(): the tensors themselves, or new ones made from
  // them and from tensors of the recovery's own (adapters). Called in every step; differentiable.
  using Weights = std::function<std::vector<at::Tensor>()>;
  // Runs the training loop over `groups` and leaves the outcome in tensors(), what `weights` gives at its end included.
  // Batches of the train split; Random is the cell's. Throws espalier::SettingsError for a plan that makes no sense.
  virtual TrainingOutcome train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups,
                                const Objective& objective, const Weights& weights = {}) = 0;

  // The model as it is now, and the dense one it came from. References are good until the model changes.
  virtual PrunableModel& now() = 0;
  virtual PrunableModel& dense() = 0;
  // Scales what each VO channel of a site writes: factors [heads, head_dim] of the dense frame.
  virtual void scale_outputs(std::int64_t site, const at::Tensor& factors) = 0;
};

struct RecoveryTask {
  PrunedModel& model;
  const Mask& mask;      // what is kept
  BatchStream& batches;  // of the split the settings name; empty when the card needs no data
  Random& random;
};

class ESPALIER_SDK_API Recovery {
 public:
  virtual ~Recovery();
  virtual void recover(RecoveryTask& task) = 0;
};

}  // namespace espalier

// Settings that every recovery with training has, with its own defaults of optimiser, learning rate, weight decay and batch.
#define ESPALIER_TRAINING_SETTINGS(its_optimiser, its_rate, its_decay, its_batch)                    \
  ::espalier::Setting{"epochs", 1, "passes over the train split"},                                   \
      ::espalier::Setting{"batch", its_batch, "examples a batch"},                                   \
      ::espalier::Setting{"accumulate", 1, "batches whose gradients are averaged before a step"},    \
      ::espalier::Setting{"optimiser", its_optimiser, "adamw, or sgd with momentum", "adamw|sgd"},   \
      ::espalier::Setting{"learning_rate", its_rate, "at its peak"},                                 \
      ::espalier::Setting{"weight_decay", its_decay, "of weights; biases and norms do not decay"},   \
      ::espalier::Setting{"momentum", 0.9, "of sgd"},                                                \
      ::espalier::Setting{"warmup", 0.05, "share of the steps in which the rate grows"},             \
      ::espalier::Setting{"decay", "cosine", "of the rate after the warm-up", "cosine|linear|none"}, \
      ::espalier::Setting{"clip_norm", 1.0, "largest norm of the whole gradient; 0: no clipping"},   \
      ::espalier::Setting {                                                                          \
    "loss", "task", "bce: binary cross-entropy also where one class applies", "task|bce"             \
  }

// ESPALIER_RECOVERY(Class, "name", "version", "summary", traits, settings...)
#define ESPALIER_RECOVERY(Class, ...) ESPALIER_PLUGIN(::espalier::Recovery, Class, "recovery", __VA_ARGS__)
