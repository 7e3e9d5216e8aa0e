// A scorer says how much each unit matters. The host calls score() once per cell, on one thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/units.h>

namespace espalier {

struct ScoringTask {
  PrunableModel& model;  // in evaluation mode; its weights must be left as found
  const Units& units;    // what is to be scored, in order
  BatchStream& batches;  // of the split the settings name; ends by returning nullopt; empty when no data is needed
  Random& random;        // the cell's own; leave LibTorch's global generator alone
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
