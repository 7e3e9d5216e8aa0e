#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "bundles/bundles.h"
#include "databases/open_data.h"
#include "pages/figure.h"
#include "pages/report.h"
#include "references/references.h"
#include "runner/worker_program.h"
#include "words/command_line.h"
#include "words/names.h"
#include "words/version.h"

namespace espalier::cli {
namespace {

constexpr const char* experiments = "Experiments";
constexpr const char* many_machines = "Many machines";
constexpr const char* one_model = "One model at a time, computed by espalier-worker";

// In the order in which --help lists them; those that are handed over follow.
constexpr Command commands[] = {
    {"run", experiments, "Run the cells of an experiment that are not done yet, then print the table", add_run},
    {"plan", experiments, "Count the cells of an experiment and estimate the time; nothing runs", add_plan},
    {"status", experiments, "How far an experiment is, what failed, and where the disk went", add_status},
    {"pause", experiments, "Begin no further cell, in any run of an experiment", add_pause},
    {"resume", experiments, "Begin cells again after a pause", add_resume},
    {"table", experiments, "The results as a table", add_table},
    {"cells", experiments, "The cells one by one: keys, states, and with csv or json everything", add_cells},
    {"report", experiments, "The results as one HTML page, which needs no network", add_report},
    {"figure", experiments, "A figure for a paper: curves, maps of heads, times, searches or ranks", add_figure},
    {"show", experiments, "Everything known of a cell", add_show},
    {"rerun", experiments, "Compute cells again, apart from the database, and say how far the numbers are the same",
     add_rerun},
    {"diff", experiments, "Two databases cell by cell: what both hold, and what came out otherwise", add_diff},
    {"query", experiments, "A question to a database in SQL, which only reads", add_query},
    {"export", experiments, "The views and the answers as CSV or Parquet files, for other programs", add_export},
    {"bundle", experiments, "A database with all that is needed to believe and repeat it, as one archive", add_bundle},
    {"check-bundle", experiments, "Look at such an archive again, without a network; compute some cells again",
     add_check_bundle},
    {"verify", experiments, "Published numbers against those measured here, cell by cell", add_verify},
    {"published", experiments, "The published tables that ship: list, show and check them", add_published},
    {"prune-db", experiments, "Remove cells that no experiment file holds any more", add_prune_db},
    {"clean", experiments, "Where the disk went; remove cache entries that no cell refers to", add_clean},
    {"explain", experiments, "Why a cell is not done: what it waits for, who holds it, how it failed", add_explain},
    {"cache", experiments, "What lies in the cache; check it, trim it to a size, clear it", add_cache},
    {"plugins", experiments, "The scorers, searchers and recoveries there are, with their settings", add_plugins},
    {"submit", many_machines, "Plan an experiment for many tasks and submit them to Slurm", add_submit},
    {"worker", many_machines, "Compute one share of a plan, under whatever starts tasks", add_worker},
    {"merge", many_machines, "Bring shards home into one database", add_merge},
};

// What a line comes to: the command that it names puts what is to be done into `chosen`.
struct Program {
  CLI::App app{"Attention-pruning experiments: from a question in TOML to a proven table", "espalier"};
  std::optional<Deed> chosen;

  Program() {
    app.set_version_flag("--version", "espalier " + version() + " (" + commit() + ")");
    app.require_subcommand(1);
    for (const auto& command : commands) {
      auto* sub = app.add_subcommand(command.name, command.summary)->group(command.group);
      sub->callback([this, deed = command.add(*sub)] { chosen = deed; });
    }
    for (const auto& command : worker_commands) {
      if (command.handed_over) app.add_subcommand(command.name, command.summary)->group(one_model);
    }
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.footer(
        "espalier COMMAND --help tells more. Exit codes: 0 done, 1 a cell failed, 2 command line or experiment file,\n"
        "3 plugin, 4 database, 5 checkpoint or data, 130 interrupted.\n"
        "Example: espalier run experiments/demo.toml");
  }
};

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
  }
  return names;
}

const CLI::App* chosen_command(const CLI::App& app, int count, char** words) {
  if (count < 2) return nullptr;
  for (const auto* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == words[1]) return command;
  }
  return nullptr;
}

std::vector<KnownOption> known_options(const CLI::App& command) {
  std::vector<KnownOption> known;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) known.push_back({"--" + name, option->get_type_name() == "N"});
  }
  return known;
}

// What is wrong, then where to read on.
std::string explained(const CLI::ParseError& error, const CLI::App& app, int count, char** words) {
  const auto* command = chosen_command(app, count, words);
  return option_mistake(error.what(), {words + 1, words + count}, known_options(command != nullptr ? *command : app)) +
         "\n    run: espalier " + (command != nullptr ? command->get_name() + " " : "") + "--help";
}

}  // namespace

bool is_handed_over(const std::string& command) {
  return std::any_of(std::begin(worker_commands), std::end(worker_commands),
                     [&](const WorkerCommand& known) { return known.handed_over && command == known.name; });
}

void hand_over(int count, char** words) { runner::hand_over({words + 1, words + count}); }

std::optional<std::function<ExitCode()>> read_command_line(int count, char** words) {
  Program program;
  auto& app = program.app;
  if (count < 2) {
    std::cerr << app.help();
    throw SettingsError("espalier needs a command");
  }
  const std::string first(words[1]);
  if (!first.empty() && first.front() != '-' && chosen_command(app, count, words) == nullptr) {
    throw SettingsError(unknown_name("command", first, command_names(app)) + "\n    run: espalier --help");
  }
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw SettingsError(explained(error, app, count, words));
    app.exit(error);  // --help or --version: prints what was asked for
    return std::nullopt;
  }
  if (program.chosen) return program.chosen;
  const std::string command = app.get_subcommands().front()->get_name();
  throw SettingsError("command '" + command + "' must come first: espalier " + command + " ...");
}

}  // namespace espalier::cli
