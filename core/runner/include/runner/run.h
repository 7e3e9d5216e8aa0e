// Runs the cells of an experiment that are not done yet: inserts them, starts workers, watches them, and goes on when
// one dies. What is recorded lives in the database alone, so this may be stopped at any moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "store/result_store.h"

namespace espalier::runner {

struct RunOptions {
  std::string file;  // the experiment file, as the user wrote it
  std::filesystem::path database;
  int workers = 1;
  int threads = 0;                   // of each worker; 0: all processors for one worker, one for each of several
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
};

// Progress goes to stderr. Throws SettingsError (missing paths, all of them), StoreError, and PluginError where workers
// die before they compute anything.
RunOutcome run(const grid::Experiment& experiment, const RunOptions& options);

// Beside the database: results/demo.db has results/demo.log.
std::filesystem::path log_file(const std::filesystem::path& database);

}  // namespace espalier::runner
