#include "runner/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cells/device.h"
#include "cells/run/limits.h"
#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/devices.h"
#include "runner/plan.h"
#include "runner/share/worker_share.h"
#include "runs/repeating.h"
#include "table_output.h"
#include "words/cache/byte_count.h"
#include "words/cache/limit.h"
#include "words/texts/durations.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {
namespace {

std::string cells_text(std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "cell" : "cells"); }

std::string summary(const runner::RunOutcome& outcome) {
  if (outcome.computed == 0 && outcome.failed == 0 && outcome.done == outcome.cells) {
    return fmt::format("nothing to run: {} done already",
                       outcome.cells == 1 ? "the cell is" : "all " + cells_text(outcome.cells) + " are");
  }
  std::string text = fmt::format("{} computed{} in {}; {} of {} done", cells_text(outcome.computed),
                                 outcome.devices.empty() ? "" : " on " + outcome.devices,
                                 duration_text(outcome.seconds), outcome.done, outcome.cells);
  if (outcome.failed > 0) text += fmt::format(", {} failed", outcome.failed);
  return text;
}

void say_failures(const runner::RunOutcome& outcome) {
  constexpr std::size_t shown = 10;
  for (std::size_t i = 0; i < outcome.failures.size() && i < shown; ++i) {
    say(fmt::format("cell {} failed: {}", outcome.failures[i].key.substr(0, 12), outcome.failures[i].message));
  }
  if (outcome.failures.size() > shown) say(fmt::format("and {} more", outcome.failures.size() - shown));
}

// Of the command line, else of the file.
CellLimits limits_of(const RunArguments& arguments, const CellLimits& of_file) {
  const auto given = limits_from({arguments.cell_timeout, arguments.cell_memory, arguments.attempts}, "--");
  auto limits = of_file;
  if (given.timeout_seconds) limits.timeout_seconds = given.timeout_seconds;
  if (given.memory_bytes) limits.memory_bytes = given.memory_bytes;
  if (given.attempts > 0) limits.attempts = given.attempts;
  return limits;
}

std::string stopped_in_words(const runner::RunOutcome& outcome, const RunArguments& arguments) {
  const auto left =
      fmt::format("{} of {} are done; run the same command to go on", outcome.done, cells_text(outcome.cells));
  if (outcome.stopped_by == runner::StoppedBy::TimeLimit)
    return fmt::format("--time-limit {} is over: {}", arguments.time_limit, left);
  if (outcome.stopped_by == runner::StoppedBy::FirstFailure) return "ended at the first failure (--fail-fast): " + left;
  return "interrupted: " + left;
}

// On GPUs one a device is what is known to be right.
void choose_workers(runner::RunOptions& options, const grid::Experiment& experiment) {
  if (options.devices.front().kind != DeviceKind::Cpu) {
    say("--workers auto: one a device");
    return;
  }
  if (options.threads > 0) {
    options.workers = std::max(1, runner::processor_count() / options.threads);
    say(fmt::format("--workers auto: {} x {} threads, as --threads says", options.workers, options.threads));
    return;
  }
  const auto share = runner::best_share(experiment.cells);
  options.workers = share.workers;
  options.threads = share.threads;
  say(fmt::format("--workers auto: {} x {} {}{}",
                  share.workers == 1 ? "1 worker" : fmt::format("{} workers", share.workers), options.threads,
                  options.threads == 1 ? "thread" : "threads",
                  share.examples_a_second > 0 ? fmt::format(", {:.0f} examples/s of {}", share.examples_a_second,
                                                            share.measured_now ? "the first cell's model, measured now"
                                                                               : "such a model, as measured before")
                                              : ""));
}

// One of so many, by the key alone: which ones is as good as random, and the same for everyone.
std::vector<std::string> chosen_to_verify(const std::vector<std::string>& keys, int every) {
  std::vector<std::string> chosen;
  for (const auto& key : keys) {
    constexpr std::size_t digits = 12;
    if (std::stoull(key.substr(0, digits), nullptr, 16) % static_cast<unsigned>(every) == 0) chosen.push_back(key);
  }
  // Of a few, one at least.
  if (chosen.empty() && !keys.empty()) chosen.push_back(*std::min_element(keys.begin(), keys.end()));
  return chosen;
}

// False: a cell came out otherwise.
bool verified(const runner::RunOutcome& outcome, const runner::RunOptions& options, int every) {
  const auto chosen = chosen_to_verify(outcome.computed_keys, every);
  if (chosen.empty()) return true;
  const auto repeated = repeat(chosen, {options.database, 0, std::nullopt, options.plugins, false});
  std::int64_t identical = 0;
  bool holds = true;
  for (const auto& cell : repeated.cells) {
    if (cell.rung == report::Rung::Identical) ++identical;
    if (!cell.holds()) say("computed again: " + in_words(cell));
    holds = holds && cell.holds();
  }
  say(fmt::format("computed again: {} of {}, {} identical{}", repeated.cells.size(), cells_text(std::ssize(chosen)),
                  identical, repeated.interrupted ? "; interrupted" : ""));
  return holds;
}

// Mistakes that need nothing to be read.
void refuse_mistakes(const RunArguments& arguments, const runner::DeviceWords& devices) {
  limits_of(arguments, {});
  if (!arguments.time_limit.empty()) seconds_from(arguments.time_limit, "--time-limit");
  devices_from(devices.text, devices.option);
  if (!arguments.cache_limit.empty()) {
    bytes_from(arguments.cache_limit, "--cache-limit");
    ::setenv(cache_limit_variable, arguments.cache_limit.c_str(), 1);  // the workers inherit it
  }
  cache_limit();
}

runner::RunOptions options_of(const RunArguments& arguments, const grid::Experiment& experiment,
                              const runner::DeviceWords& devices) {
  runner::RunOptions options;
  options.file = arguments.experiment.file;
  const auto place = place_of_database(arguments.experiment.file, experiment.name, arguments.experiment.database);
  options.database = place.path;
  if (place.elsewhere) {
    say(fmt::format(
        "warning: a new database is made at {} in {}, and one of this name lies at {}\n    --db {} goes on "
        "with that one",
        place.path.string(), working_folder(), place.elsewhere->string(), shell_path(place.elsewhere->string())));
  }
  options.devices = runner::ready_devices(devices.text, devices.option);
  const bool measures = arguments.workers == "auto";
  options.workers = arguments.workers.empty() || measures ? 0 : std::stoi(arguments.workers);
  options.threads = arguments.threads;
  // What is refused is not measured.
  if (measures && experiment.missing.empty() && experiment.problems.empty()) choose_workers(options, experiment);
  options.plugins = arguments.experiment.plugins;
  options.rerun_changed = arguments.rerun_changed;
  options.limits = limits_of(arguments, experiment.limits);
  options.fail_fast = arguments.fail_fast;
  if (!arguments.time_limit.empty()) options.time_limit_seconds = seconds_from(arguments.time_limit, "--time-limit");
  options.cells_at_most = arguments.cells_at_most;
  return options;
}

// The table, where things are, and what may be asked next.
void print_results(const RunArguments& arguments, const grid::Experiment& experiment, const runner::RunOptions& options,
                   const runner::RunOutcome& outcome) {
  TableArguments table;
  table.only = arguments.experiment.only;
  const auto& all = experiment.whole.empty() ? experiment.cells : experiment.whole;
  print_table({options.database, experiment.name, cells_of(all)}, table);
  std::string again = shell_path(arguments.experiment.file);
  if (!arguments.experiment.database.empty()) again += " --db " + shell_path(arguments.experiment.database);
  for (const auto& set : arguments.experiment.sets) again += " --set " + shell_word(set);
  for (const auto& plugin : arguments.experiment.plugins) again += " --plugins " + shell_path(plugin);
  print(fmt::format("\ndatabase:    {}\n", options.database.string()));
  if (outcome.computed > 0) print(fmt::format("log:         {}\n", outcome.log.string()));
  print(fmt::format("table again: espalier table {}\n", again));
  if (outcome.failed == 0) return;
  print(fmt::format("a cell:      espalier show {} {}\n", shell_path(options.database.string()),
                    outcome.failures.front().key.substr(0, 12)));
  say("run the same command to try what failed again");
}

}  // namespace

ExitCode run(const RunArguments& arguments) {
  const auto devices = runner::device_words(arguments.devices);
  refuse_mistakes(arguments, devices);
  const auto experiment = read(arguments.experiment);
  for (const auto& warning : experiment.warnings) say("warning: " + warning);
  const auto options = options_of(arguments, experiment, devices);
  const auto outcome = runner::run(experiment, options);

  for (const auto& sentence : outcome.devices_left_out) say("warning: " + sentence);
  if (outcome.stopped_by != runner::StoppedBy::Nothing) {
    say(stopped_in_words(outcome, arguments));
    say_failures(outcome);
    return outcome.stopped_by == runner::StoppedBy::FirstFailure ? ExitCode::NegativeVerdict : ExitCode::Interrupted;
  }
  say(summary(outcome));
  if (outcome.left_for_later > 0)
    say(fmt::format("{} left for later by --max-cells {}", cells_text(outcome.left_for_later),
                    arguments.cells_at_most));
  say_failures(outcome);
  const bool holds = arguments.verify_every == 0 || verified(outcome, options, arguments.verify_every);
  print_results(arguments, experiment, options, outcome);
  return outcome.failed == 0 && holds ? ExitCode::Done : ExitCode::NegativeVerdict;
}

}  // namespace espalier::cli
