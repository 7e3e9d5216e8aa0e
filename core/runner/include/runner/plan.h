// What a run of an experiment would do, from the experiment and from what its database already holds. Nothing runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "runner/devices.h"

namespace espalier::runner {

struct Axis {
  std::string name;
  std::vector<std::string> values;  // as the cells have them, each once, in order
};

struct Plan {
  std::int64_t cells = 0;
  std::int64_t done = 0;
  std::int64_t to_run = 0;            // all that are not done, cells with missing files among them
  std::vector<std::string> missing;   // paths and splits
  std::vector<std::string> problems;  // of checkpoints and data that are there: run refuses them before it trains
  std::vector<std::string> warnings, notes;
  DeviceNeeds device_needs;  // of what is to run; notes say them
  std::vector<Axis> axes;    // those with more than one value
  std::optional<double>
      seconds;  // of computing what is to run, one cell after the other; unknown without earlier cells
  std::int64_t estimated_from = 0;           // cells whose granularity and scorer were measured before
  std::optional<std::int64_t> memory_bytes;  // of one worker, without its batches; unknown where weights are missing
};

Plan make_plan(const grid::Experiment& experiment, const std::filesystem::path& database);

}  // namespace espalier::runner
