#include "runner/shards/submit.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "child_process.h"
#include "planned/planned_cells.h"
#include "runner/shards/at_hand.h"
#include "runner/shards/shard_files.h"
#include "script.h"
#include "words/atomic_file.h"
#include "words/printable.h"
#include "words/texts/shell_word.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t usual_tasks = 8;
constexpr double sbatch_patience_seconds = 300;

// The first of results/demo.submit, results/demo.submit-2, ... that is free.
fs::path folder_for(const SubmitOptions& options) {
  std::error_code failed;
  if (!options.folder.empty()) return options.folder;
  const auto first = fs::path(options.database).replace_extension(".submit");
  auto folder = first;
  for (int number = 2; fs::exists(folder, failed); ++number) folder = fmt::format("{}-{}", first.string(), number);
  return folder;
}

void refuse_while_tasks_are_out(const SubmitOptions& options) {
  if (options.again) return;
  for (const auto& earlier : submissions_of(options.database)) {
    if (earlier.array_job.empty() || earlier.finished == earlier.tasks) continue;
    throw SettingsError(fmt::format(
        "{}: {} of its {} tasks (job {}) have not come home with all their cells, and cells that they are at would be "
        "computed twice\n    wait for them; where they are no more: espalier merge {} {}, then submit with --again",
        earlier.folder.string(), earlier.tasks - earlier.finished, earlier.tasks, earlier.array_job,
        shell_path(options.database.string()), shell_path((earlier.folder / "shards").string())));
  }
}

// The experiment with all cells; those that are not done are asked for.
struct ToDo {
  CellLimits limits;
  store::ExperimentRecord experiment;
  std::vector<store::NewCell> cells;
  std::int64_t asked = 0, left = 0;
};

ToDo enter_into_database(const grid::Experiment& experiment, const SubmitOptions& options) {
  ToDo to_do{experiment.limits,
             {experiment.name, experiment.question, options.file, experiment.file_digest},
             planned_cells(experiment),
             0,
             0};
  DatabaseAtHand database(options.database, local_folder(), store::network_of(options.database));
  {
    store::ResultStore store(database.path(), store::Mode::Create);
    store.release_dead_workers();
    store.insert(to_do.experiment, to_do.cells, /*retry_failed=*/true);
    std::vector<std::string> keys;
    for (const auto& cell : to_do.cells) keys.push_back(cell.key);
    const auto done = store.done(keys);
    for (std::size_t i = 0; i < to_do.cells.size(); ++i) {
      auto& asked = to_do.cells[i].asked;
      to_do.asked += asked ? 1 : 0;
      asked = asked && !done[i];
      to_do.left += asked ? 1 : 0;
    }
  }
  database.bring_back();
  return to_do;
}

// Made on a local disk, since it may have to lie where a database cannot be written.
void write_plan(const ToDo& to_do, const fs::path& plan) {
  DatabaseAtHand made(plan, local_folder(), "elsewhere");
  {
    store::ResultStore store(made.path(), store::Mode::Create);
    store.insert(to_do.experiment, to_do.cells, true);
    store.keep_limits(to_do.experiment.name, to_do.limits);
  }
  made.bring_back();
}

void record(const SubmitOptions& options, const ToDo& to_do, const SubmitOutcome& outcome) {
  write_file(outcome.folder / submission_record, nlohmann::json{{"experiment", to_do.experiment.name},
                                                                {"file", options.file},
                                                                {"plan", short_digest_of(outcome.plan)},
                                                                {"tasks", outcome.tasks},
                                                                {"cells", to_do.left},
                                                                {"array_job", outcome.array_job},
                                                                {"merge_job", outcome.merge_job}}
                                                         .dump(2) +
                                                     "\n");
}

std::string whole(const fs::path& path) { return fs::absolute(path).lexically_normal().string(); }

// Slurm's number of the job.
std::string sbatch(std::vector<std::string> words, const SubmitOutcome& outcome) {
  words.insert(words.begin(), {"sbatch", "--parsable"});
  words.push_back(whole(outcome.script));
  const auto printed = run_to_end({"/usr/bin/env", words, {}}, sbatch_patience_seconds);
  if (printed && printed->ending.well()) {
    const auto number = printed->out.substr(0, printed->out.find_first_of(";\n"));  // the cluster's name may follow
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos) return number;
  }
  constexpr int not_found = 127;
  const auto why = !printed ? "it does not answer"
                   : printed->ending.exit_code == not_found
                       ? std::string("there is no program sbatch here")
                       : printable(printed->error.empty() ? printed->out : printed->error);
  throw SettingsError(
      fmt::format("sbatch did not take {}: {}\n    plan and script are kept; correct what it says and submit the "
                  "script as its first "
                  "lines tell, or start\n    the tasks in another way: docs/clusters.md",
                  outcome.script.string(), why.substr(0, why.find_last_not_of('\n') + 1)));
}

}  // namespace

SubmitOutcome submit(const grid::Experiment& experiment, const SubmitOptions& options) {
  refuse_mistakes(options);
  refuse_what_cannot_run(experiment, options.file);
  refuse_while_tasks_are_out(options);
  const auto to_do = enter_into_database(experiment, options);
  SubmitOutcome outcome;
  outcome.cells = to_do.asked;
  outcome.done = to_do.asked - to_do.left;
  if (to_do.left == 0) return outcome;
  outcome.tasks = std::min(to_do.left, options.tasks > 0 ? options.tasks : usual_tasks);
  outcome.folder = folder_for(options);
  outcome.plan = outcome.folder / "plan.db";
  outcome.script = outcome.folder / "tasks.sbatch";
  std::error_code failed;
  for (const auto* inside : {"shards", "logs"}) {
    fs::create_directories(outcome.folder / inside, failed);
    if (failed)
      throw StoreError(fmt::format("{}: cannot be made: {}", (outcome.folder / inside).string(), failed.message()));
  }
  write_plan(to_do, outcome.plan);
  outcome.text = batch_script(options,
                              {fs::read_symlink("/proc/self/exe"), fs::current_path(), whole(outcome.plan),
                               whole(options.database), whole(outcome.folder)},
                              experiment.name, outcome.tasks);
  write_file(outcome.script, outcome.text);
  record(options, to_do, outcome);
  if (options.dry_run) return outcome;
  outcome.array_job = sbatch({fmt::format("--array=1-{}", outcome.tasks)}, outcome);
  record(options, to_do, outcome);
  outcome.merge_job = sbatch({"--dependency=afterany:" + outcome.array_job, "--cpus-per-task=1"}, outcome);
  record(options, to_do, outcome);
  return outcome;
}

}  // namespace espalier::runner
