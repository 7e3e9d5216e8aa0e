#include "script.h"

#include <fmt/format.h>

#include "cells/device.h"
#include "slurm_options.h"
#include "words/texts/shell_word.h"

namespace espalier::runner {
namespace {

// How many GPUs of its node a task asks for; "all" and "auto" leave that to the user's own directives.
std::size_t gpus_of(const std::string& text) {
  std::size_t gpus = 0;
  for (const auto& device : devices_from(text)) gpus += device.kind == DeviceKind::Cuda ? 1 : 0;
  return gpus;
}

// Slurm reads directives up to the first blank that is not quoted.
std::string directive(const std::string& text) { return fmt::format("#SBATCH {}\n", text); }

// A file's name in a directive: a percent sign would begin one of Slurm's own words.
std::string in_directive(const std::string& folder) {
  std::string text;
  for (const char c : folder) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '%') text += '%';
    text += c;
  }
  return text;
}

std::string directives(const SubmitOptions& options, const ScriptPlaces& places, const std::string& name) {
  auto text = directive(fmt::format("--job-name=espalier-{}", name));
  if (!options.partition.empty()) text += directive(fmt::format("--partition={}", options.partition));
  if (!options.time.empty()) text += directive(fmt::format("--time={}", options.time));
  text += directive("--nodes=1") + directive("--ntasks=1") +
          directive(fmt::format("--cpus-per-task={}", options.workers * options.threads));
  if (const auto gpus = gpus_of(options.devices); gpus > 0) text += directive(fmt::format("--gpus-per-node={}", gpus));
  // The task hears it itself, some time before its own is over: it stops, and carries home what it has.
  const bool again = options.requeues > 0;
  text += directive(fmt::format("--signal=B:{}@{}", again ? "USR1" : "TERM", told_before_the_end_seconds));
  // Where a node dies or is taken away, the task waits again, and goes on from what it carried home.
  text += directive(again ? "--requeue" : "--no-requeue") + directive("--open-mode=append");
  text += directive(fmt::format("--output=\"{}/logs/%x-%A-%a.txt\"", in_directive(places.folder.string())));
  for (const auto& more : options.directives) text += directive(more);
  return text;
}

}  // namespace

std::string batch_script(const SubmitOptions& options, const ScriptPlaces& places, const std::string& name,
                         std::int64_t tasks) {
  const auto script = shell_path((places.folder / "tasks.sbatch").string());
  std::string worker =
      fmt::format("{} worker {} --shard \"$SLURM_ARRAY_TASK_ID/{}\" --home {} --workers {} --threads {}",
                  shell_path(places.program.string()), shell_path(places.plan.string()), tasks,
                  shell_path((places.folder / "shards").string()), options.workers, options.threads);
  if (options.requeues > 0) worker += fmt::format(" --requeues {}", options.requeues);
  if (options.devices != "cpu") worker += " --devices " + shell_word(options.devices);
  for (const auto& plugin : options.plugins) worker += " --plugins " + shell_path(plugin);
  return fmt::format(
      R"(#!/bin/bash
# Written by espalier submit. Both jobs are this script; by hand they are submitted so:
#   sbatch --array=1-{tasks} {script}
#   sbatch --dependency=afterany:NUMBER_OF_THE_FIRST {script}
{directives}set -eu
cd {folder}
if [ -n "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
  exec {worker}
fi
exec {program} merge {database} {shards}
)",
      fmt::arg("tasks", tasks), fmt::arg("script", script), fmt::arg("directives", directives(options, places, name)),
      fmt::arg("folder", shell_path(places.working_folder.string())), fmt::arg("worker", worker),
      fmt::arg("program", shell_path(places.program.string())),
      fmt::arg("database", shell_path(places.database.string())),
      fmt::arg("shards", shell_path((places.folder / "shards").string())));
}

}  // namespace espalier::runner
