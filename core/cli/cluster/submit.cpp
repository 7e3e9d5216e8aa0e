#include "runner/shards/submit.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {
namespace {

void print_text(const runner::SubmitOutcome& outcome, const runner::SubmitOptions& options) {
  print(outcome.text);
  print(fmt::format("\n{} of {} cells are left, dealt to {} {}\n", outcome.cells - outcome.done, outcome.cells,
                    outcome.tasks, outcome.tasks == 1 ? "task" : "tasks"));
  print(fmt::format("plan:    {}\nscript:  {}\n", outcome.plan.string(), outcome.script.string()));
  if (outcome.array_job.empty()) {
    print(
        fmt::format("nothing is submitted. Any task, in any way: espalier worker {} --shard I/{}\n"
                    "afterwards: espalier merge {} {}\n",
                    shell_path(outcome.plan.string()), outcome.tasks, shell_path(options.database.string()),
                    shell_path((outcome.folder / "shards").string())));
    return;
  }
  print(fmt::format("jobs:    {} (the tasks), {} (merges what they bring home)\nhow far: espalier status {}\n",
                    outcome.array_job, outcome.merge_job, shell_path(options.database.string())));
}

nlohmann::json as_json(const runner::SubmitOutcome& outcome, const runner::SubmitOptions& options) {
  return {{"cells", outcome.cells},
          {"done", outcome.done},
          {"tasks", outcome.tasks},
          {"database", options.database.string()},
          {"folder", outcome.folder.string()},
          {"plan", outcome.plan.string()},
          {"script", outcome.script.string()},
          {"array_job", outcome.array_job.empty() ? nlohmann::json() : nlohmann::json(outcome.array_job)},
          {"merge_job", outcome.merge_job.empty() ? nlohmann::json() : nlohmann::json(outcome.merge_job)}};
}

// All but the database, which the experiment names.
runner::SubmitOptions options_of(const SubmitArguments& arguments) {
  runner::SubmitOptions options;
  options.file = arguments.experiment.file;
  options.folder = arguments.folder;
  options.tasks = arguments.tasks;
  options.partition = arguments.partition;
  options.time = arguments.time;
  options.workers = arguments.workers;
  options.threads = arguments.threads;
  options.devices = arguments.devices;
  options.plugins = arguments.experiment.plugins;
  options.requeues = arguments.no_requeue ? 0 : arguments.requeues;
  options.directives = arguments.directives;
  options.dry_run = arguments.dry_run;
  options.again = arguments.again;
  return options;
}

}  // namespace

ExitCode submit(const SubmitArguments& arguments) {
  auto options = options_of(arguments);
  runner::refuse_mistakes(options);
  const auto experiment = read(arguments.experiment);
  for (const auto& warning : experiment.warnings) say("warning: " + warning);
  options.database = place_of_database(arguments.experiment.file, experiment.name, arguments.experiment.database).path;
  const auto outcome = runner::submit(experiment, options);
  if (arguments.json) {
    print_json(as_json(outcome, options));
  } else if (outcome.plan.empty()) {
    print(fmt::format("nothing to submit: all {} cells are done\n", outcome.cells));
  } else {
    print_text(outcome, options);
  }
  return ExitCode::Done;
}

}  // namespace espalier::cli
