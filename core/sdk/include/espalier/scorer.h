// A scorer says how much each unit matters. The host calls score() once per cell and step of its schedule, on one thread.
//
// Tensors of the model may be on a GPU; scores are accepted from any device and kept on the CPU.
//
// Settings with the names of espalier::host (espalier/settings.h) are the host's to carry out: `split`, `samples` and
// `batch` say which rows `batches` gives; `loss`, `teacher` and `temperature` what PrunableModel::losses() and gradients
// are of.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/units.h>

namespace espalier {

struct ScoringTask {
  PrunableModel& model;  // in evaluation mode; its weights must be left as found
  const Units& units;    // what is to be scored, in order
  BatchStream& batches;  // of the split the settings name; ends by returning nullopt; empty when no data is needed
  Random& random;        // the cell's own; leave LibTorch's global generator alone
  // How good the model is under each of these masks: the task's first metric on the whole split of `batches`, larger is
  // better. What earlier steps of a schedule removed stays removed, also under a mask that keeps everything. Masks that are
  // asked for together share what they have in common.
  std::function<std::vector<double>(std::span<const Mask>)> evaluate_each;
  double evaluate(const Mask& mask) const { return evaluate_each({&mask, 1}).at(0); }
};

class ESPALIER_SDK_API Scorer {
 public:
  virtual ~Scorer();

  // One finite score per unit, in the order of task.units; larger means keep.
  // Throw espalier::Error when the task cannot be scored.
  virtual at::Tensor score(ScoringTask& task) = 0;
};

}  // namespace espalier

// ESPALIER_SCORER(Class, "name", "version", "summary", traits, settings...): Class is constructed from const Settings&.
#define ESPALIER_SCORER(Class, ...) ESPALIER_PLUGIN(::espalier::Scorer, Class, "scorer", __VA_ARGS__)
