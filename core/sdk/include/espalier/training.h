// The one training loop as plugins see it: recoveries repair a pruned model with it, searchers learn gates.
//
// Tensors of the model may be on a GPU, and so are weights that a plugin makes from them; gates, penalties and factors are
// accepted from any device, and gradients reach a plugin's own tensors where those are.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <espalier/model.h>
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
  bool diverged =
      false;  // a loss, weights or outputs were not finite: weights are those of the best epoch, or as before
};

// What a training step computes with besides the tensors of its groups. Each is optional and called once a batch.
struct TrainingHooks {
  // The values that the model computes with, in the order of tensors(): the tensors themselves, or new ones made from
  // them and from tensors of the plugin's own (adapters). Differentiable.
  std::function<std::vector<at::Tensor>()> weights = {};
  // One gate a unit of `units`, [units], any real type, differentiable: what each unit contributes is multiplied by it, as
  // PrunableModel::losses() says. `step` of `steps` optimiser steps is about to be made, counted from 0.
  const Units* units = nullptr;
  std::function<at::Tensor(std::int64_t step, std::int64_t steps)> gates = {};
  // Added to the loss of the batch; a scalar, differentiable.
  std::function<at::Tensor()> penalty = {};
};

// A model that training changes in place.
class ESPALIER_SDK_API TrainableModel {
 public:
  virtual ~TrainableModel();

  // Everything that training may change, in a fixed order.
  virtual const std::vector<TrainableTensor>& tensors() = 0;
  // Optimiser steps that train() will make under a plan.
  virtual std::int64_t steps(const TrainingPlan& plan) = 0;
  // Runs the training loop over `groups` and leaves the outcome in them; what hooks.weights gives at the end goes into
  // tensors(). Tensors that are in no group stay as they are. Batches of the train split; the order is the cell's own.
  // With gates the model is never validated, so that the last epoch is kept: masks are chosen afterwards.
  // Throws espalier::SettingsError for a plan that makes no sense.
  virtual TrainingOutcome train(const TrainingPlan& plan, const std::vector<ParameterGroup>& groups,
                                const Objective& objective, const TrainingHooks& hooks = {}) = 0;

  // The model as it is now, and the dense one it came from. References are good until the model changes.
  virtual PrunableModel& now() = 0;
  virtual PrunableModel& dense() = 0;
  // Scales what each VO channel of a site writes: factors [heads, head_dim] of the dense frame.
  virtual void scale_outputs(std::int64_t site, const at::Tensor& factors) = 0;
};

// A tensor with this value whose gradient reaches `input` through a function of the plugin's own, for formulas whose
// graph would be long: `backward` is given dL/dvalue and returns dL/dinput, shaped like input. It may be called once.
ESPALIER_SDK_API at::Tensor with_gradient(const at::Tensor& value, const at::Tensor& input,
                                          std::function<at::Tensor(const at::Tensor& gradient)> backward);

}  // namespace espalier

// Settings that every plugin with training has, with its own defaults of optimiser, learning rate, weight decay and batch.
#define ESPALIER_TRAINING_SETTINGS(its_optimiser, its_rate, its_decay, its_batch)                        \
  ::espalier::Setting{"epochs", 1, "passes over the train split", "0.."},                                \
      ::espalier::Setting{::espalier::host::batch, its_batch, "examples a batch", "1.."},                \
      ::espalier::Setting{"accumulate", 1, "batches whose gradients are averaged before a step", "1.."}, \
      ::espalier::Setting{"optimiser", its_optimiser, "adamw, or sgd with momentum", "adamw|sgd"},       \
      ::espalier::Setting{"learning_rate", its_rate, "at its peak", "0.."},                              \
      ::espalier::Setting{"weight_decay", its_decay, "of weights; not of biases and norms", "0.."},      \
      ::espalier::Setting{"momentum", 0.9, "of sgd", "0..<1"},                                           \
      ::espalier::Setting{"warmup", 0.05, "share of the steps in which the rate grows", "0..1"},         \
      ::espalier::Setting{"decay", "cosine", "of the rate after the warm-up", "cosine|linear|none"},     \
      ::espalier::Setting{"clip_norm", 1.0, "largest norm of the gradient; 0: no clipping", "0.."},      \
      ::espalier::Setting {                                                                              \
    ::espalier::host::loss, "task", "bce: binary cross-entropy also where one class applies", "task|bce" \
  }
