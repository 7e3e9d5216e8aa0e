// What a model loses without each of its units: every one is left out alone, and the model evaluated.
#pragma once

#include <espalier/units.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cells/vocabulary.h"
#include "measure/subject.h"
#include "words/watch.h"

namespace espalier::worker {

struct HeadMap {
  tasks::Evaluation dense;
  std::string metric;               // of the task
  std::vector<double> metric_loss;  // dense less without the unit, where more is better; else the reverse
  std::vector<double> loss;         // cross-entropy without the unit, less the dense one; empty where data have none
  std::int64_t multiply_adds = 0;   // done for all masks
  std::int64_t plain_multiply_adds = 0;
  double seconds = 0;
};

// `name`: of the checkpoint, for messages. An empty metric: the task's first. Throws SettingsError for one that it does not
// have, InputError where outputs are not numbers.
HeadMap leave_one_out(const Subject& subject, const Units& units, const std::string& metric, ComputeType compute,
                      const std::string& name, const Watch& watch);

}  // namespace espalier::worker
