// Runs the cells of an experiment that are not done yet: inserts them, starts workers, watches them, and goes on when
// one dies. What is recorded lives in the database alone, so this may be stopped at any moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cells/device.h"
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
  std::vector<std::string> plugins;  // files or folders that the user names
  bool rerun_changed = false;        // done cells of plugin files that have changed since are computed again
};

struct RunOutcome {
  std::int64_t cells = 0, done = 0, failed = 0;  // of the experiment's cells, when the run ended
  std::int64_t computed = 0;                     // cells that ended, done or failed, during this run
  double seconds = 0;
  bool interrupted = false;
  std::vector<store::Failure> failures;  // newest first
  std::filesystem::path log;             // what the workers wrote
  std::string devices;                   // that were used, in words; empty: the CPU
};

// Progress goes to stderr. Throws SettingsError (missing paths, all of them), StoreError, and PluginError where workers
// die before they compute anything.
RunOutcome run(const grid::Experiment& experiment, const RunOptions& options);

// Beside the database: results/demo.db has results/demo.log.
std::filesystem::path log_file(const std::filesystem::path& database);

}  // namespace espalier::runner
