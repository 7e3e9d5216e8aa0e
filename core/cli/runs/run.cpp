#include "runner/run.h"

#include <fmt/format.h>

#include <cstdlib>

#include "cells/device.h"
#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/devices.h"
#include "runner/plan.h"
#include "table_output.h"
#include "words/cache/byte_count.h"
#include "words/cache/limit.h"

namespace espalier::cli {
namespace {

std::string cells_text(std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "cell" : "cells"); }

std::string summary(const runner::RunOutcome& outcome) {
  if (outcome.computed == 0 && outcome.failed == 0) {
    return fmt::format("nothing to run: {} done already",
                       outcome.cells == 1 ? "the cell is" : "all " + cells_text(outcome.cells) + " are");
  }
  std::string text = fmt::format("{} computed{} in {}; {} of {} done", cells_text(outcome.computed),
                                 outcome.devices.empty() ? "" : " on " + outcome.devices,
                                 runner::duration_text(outcome.seconds), outcome.done, outcome.cells);
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

struct DeviceWords {
  std::string text, option;
};

DeviceWords devices_from_words(const RunArguments& arguments) {
  if (!arguments.devices.empty()) return {arguments.devices, "--devices"};
  const char* given = std::getenv("ESPALIER_DEVICES");
  return {given == nullptr || *given == '\0' ? "cpu" : given, "ESPALIER_DEVICES"};
}

}  // namespace

ExitCode run(const RunArguments& arguments) {
  const auto devices = devices_from_words(arguments);
  devices_from(devices.text, devices.option);  // a mistake is said before anything is read
  if (!arguments.cache_limit.empty()) {
    bytes_from(arguments.cache_limit, "--cache-limit");
    ::setenv(cache_limit_variable, arguments.cache_limit.c_str(), 1);  // the workers inherit it
  }
  cache_limit();
  const auto experiment = read(arguments.experiment);
  for (const auto& warning : experiment.warnings) say("warning: " + warning);
  runner::RunOptions options;
  options.file = arguments.experiment.file;
  const auto place = place_of_database(arguments.experiment.file, experiment.name, arguments.experiment.database);
  options.database = place.path;
  if (place.elsewhere) {
    say(
        fmt::format("warning: a new database is made at {} in {}, and one of this name lies at {}\n    --db {} goes on "
                    "with that one",
                    place.path.string(), working_folder(), place.elsewhere->string(), place.elsewhere->string()));
  }
  options.devices = runner::ready_devices(devices.text, devices.option);
  options.workers = arguments.workers;
  options.threads = arguments.threads;
  options.plugins = arguments.experiment.plugins;
  options.rerun_changed = arguments.rerun_changed;
  const auto outcome = runner::run(experiment, options);

  if (outcome.interrupted) {
    say(fmt::format("interrupted: {} of {} are done; run the same command to go on", outcome.done,
                    cells_text(outcome.cells)));
    return ExitCode::Interrupted;
  }
  say(summary(outcome));
  say_failures(outcome);
  TableArguments table;
  table.only = arguments.experiment.only;
  const auto& all = experiment.whole.empty() ? experiment.cells : experiment.whole;
  print_table({options.database, experiment.name, cells_of(all)}, table);
  std::string again = arguments.experiment.file;
  if (!arguments.experiment.database.empty()) again += " --db " + arguments.experiment.database;
  for (const auto& set : arguments.experiment.sets) again += " --set " + set;
  for (const auto& plugin : arguments.experiment.plugins) again += " --plugins " + plugin;
  print(fmt::format("\ndatabase:    {}\n", options.database.string()));
  if (outcome.computed > 0) print(fmt::format("log:         {}\n", outcome.log.string()));
  print(fmt::format("table again: espalier table {}\n", again));
  if (outcome.failed == 0) return ExitCode::Done;
  print(fmt::format("a cell:      espalier show {} {}\n", options.database.string(),
                    outcome.failures.front().key.substr(0, 12)));
  say("run the same command to try what failed again");
  return ExitCode::NegativeVerdict;
}

}  // namespace espalier::cli
