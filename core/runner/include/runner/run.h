// Runs the cells of an experiment that are not done yet: inserts them, starts workers, watches them, and goes on when
// one dies. What is recorded lives in the database alone, so this may be stopped at any moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cells/device.h"
#include "cells/run/limits.h"
#include "grid/experiment.h"
#include "store/result_store.h"

namespace espalier::runner {

struct RunOptions {
  std::string file;  // the experiment file, as the user wrote it
  std::filesystem::path database;
  std::vector<DeviceChoice> devices = {{}};  // that can be opened, of one kind: see runner/devices.h
  int workers = 0;                           // dealt over the devices in turns; 0: one a device
  // Of each worker; 0: all processors for one worker; of several one for each, and on GPUs its share.
  int threads = 0;
  std::vector<std::string> plugins;          // files or folders that the user names
  bool rerun_changed = false;                // done cells of plugin files that have changed since are computed again
  CellLimits limits;                         // of each attempt
  bool fail_fast = false;                    // ends at the first cell that fails
  std::optional<double> time_limit_seconds;  // then cells are given back
  std::int64_t cells_at_most = 0;            // of those not done, the first so many; 0: all
};

// What ended a run before all cells that it was asked for had ended.
enum class StoppedBy { Nothing, User, TimeLimit, FirstFailure };

struct RunOutcome {
  std::int64_t cells = 0, done = 0, failed = 0;  // of the experiment's cells, when the run ended
  std::int64_t computed = 0;                     // cells that ended, done or failed, during this run
  double seconds = 0;
  StoppedBy stopped_by = StoppedBy::Nothing;
  std::vector<std::string> computed_keys;     // of the cells that were done during this run
  std::int64_t left_for_later = 0;            // cells beyond cells_at_most
  std::vector<std::string> devices_left_out;  // that failed, each a sentence
  std::vector<store::Failure> failures;       // newest first
  std::filesystem::path log;                  // what the workers wrote
  std::string devices;                        // that were used, in words; empty: the CPU
};

// Progress goes to stderr. Throws SettingsError (missing paths, all of them), StoreError, and PluginError where workers
// die before they compute anything.
RunOutcome run(const grid::Experiment& experiment, const RunOptions& options);

// Beside the database: results/demo.db has results/demo.log.
std::filesystem::path log_file(const std::filesystem::path& database);

}  // namespace espalier::runner
