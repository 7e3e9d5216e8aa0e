// A recovery repairs a pruned model: the host calls recover() after each pruning step, on one thread.
//
// Tensors of the model may be on a GPU; the mask is on the CPU, and factors for scale_outputs() are accepted from any device.
#pragma once

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/training.h>
#include <espalier/units.h>

namespace espalier {

struct RecoveryTask {
  TrainableModel& model;  // the pruned one; what it is at the end is what the cell goes on with
  const Mask& mask;       // what is kept
  BatchStream& batches;   // of the split the settings name; empty when the card needs no data
  Random& random;
};

class ESPALIER_SDK_API Recovery {
 public:
  virtual ~Recovery();
  virtual void recover(RecoveryTask& task) = 0;
};

}  // namespace espalier

// ESPALIER_RECOVERY(Class, "name", "version", "summary", traits, settings...)
#define ESPALIER_RECOVERY(Class, ...) ESPALIER_PLUGIN(::espalier::Recovery, Class, "recovery", __VA_ARGS__)
