// A plan for many tasks, the batch script that runs them under Slurm, and its submission: one call for all tasks, one for
// the job that merges what they bring home.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "grid/experiment.h"

namespace espalier::runner {

struct SubmitOptions {
  std::string file;  // the experiment file, as the user wrote it
  std::filesystem::path database;
  std::filesystem::path folder;  // for plan, script and shards; empty: beside the database
  std::int64_t tasks = 0;        // 0: 8, or as many as there are cells
  std::string partition, time;
  int workers = 1, threads = 1;  // of each task
  std::string devices = "cpu";
  std::vector<std::string> plugins;
  int requeues = 20;  // times a task whose time is over is started again; 0: never, and not when its node dies either
  std::vector<std::string> directives;  // more lines for sbatch, as in --account=physics
  bool dry_run = false;                 // plan and script are written, nothing is submitted
  bool again = false;                   // also while an earlier submission has tasks out
};

struct SubmitOutcome {
  std::int64_t cells = 0, done = 0;  // of those asked for; done before
  std::int64_t tasks = 0;
  std::filesystem::path folder, plan, script;  // empty: nothing is left to compute
  std::string text;                            // the script
  std::string array_job, merge_job;            // Slurm's numbers; empty after a dry run
};

// What can be told of the options without reading anything: throws SettingsError with all that is wrong.
void refuse_mistakes(const SubmitOptions& options);

// The cells are known to the database afterwards, as waiting. Throws as run() does, and SettingsError where sbatch refuses,
// with its words; then plan and script are there.
SubmitOutcome submit(const grid::Experiment& experiment, const SubmitOptions& options);

}  // namespace espalier::runner
