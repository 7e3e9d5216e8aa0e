#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "words/names.h"
#include "words/option_mistakes.h"
#include "words/version.h"

namespace espalier::cli {
namespace {

constexpr const char* set_help = "Override a key of the file, as in --set model.minilm.train.epochs=1; may be repeated";
constexpr const char* only_help = "Take a slice of the cells, as in --only scorer=fisher,sparsity=0.5";
constexpr const char* plugins_help = "A plugin file, or a folder of them; may be repeated";

CLI::Validator from_one_to(int largest) {
  // Without a description of its own: it would stand in the help as "INT in [1 - 1024]".
  CLI::Validator range = CLI::Range(1, largest);
  return range.description("");
}

void add_database(CLI::App& command, DatabaseArguments& arguments) {
  command.add_option("DB", arguments.file, "The database, or the experiment file that it belongs to")
      ->required()
      ->type_name("");
  command.add_option("--db", arguments.other, "The experiment file's database, where it is not results/NAME.db")
      ->type_name("PATH");
}

void add_experiment(CLI::App& command, ExperimentArguments& arguments) {
  command.add_option("FILE", arguments.file, "The experiment file")->required()->type_name("");
  command.add_option("--db", arguments.database, "The database; default results/NAME.db, by the experiment's name")
      ->type_name("PATH");
  command.add_option("--set", arguments.sets, set_help)->type_name("KEY=VALUE")->allow_extra_args(false);
  command.add_option("--only", arguments.only, only_help)->type_name("AXIS=VALUE,...")->allow_extra_args(false);
  command.add_option("--plugins", arguments.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
}

void add_run(CLI::App& app, RunArguments& arguments) {
  auto* command =
      app.add_subcommand("run", "Run the cells of an experiment that are not done yet, then print the table");
  add_experiment(*command, arguments.experiment);
  command->add_option("--workers", arguments.workers, "Worker processes; default 1")
      ->check(from_one_to(1024))
      ->type_name("N");
  command
      ->add_option("--threads", arguments.threads,
                   "Threads of each worker; default all processors for one worker, 1 for each of several")
      ->check(from_one_to(4096))
      ->type_name("N");
  command->add_flag("--rerun-changed", arguments.rerun_changed,
                    "Compute again what was done with another file of a plugin than there is now, at the same version");
  command->footer(
      "Run the same command again to go on after an interruption, or to try failed cells again.\n"
      "Example: espalier run experiments/demo.toml --only scorer=magnitude");
}

void add_plan(CLI::App& app, PlanArguments& arguments) {
  auto* command = app.add_subcommand("plan", "Count the cells of an experiment and estimate the time; nothing runs");
  add_experiment(*command, arguments.experiment);
  command->add_flag("--json", arguments.json, "Print JSON");
  command->footer("Example: espalier plan experiments/demo.toml --set grid.seed=[0,1,2]");
}

// What makes the cells of an experiment file what they are.
void add_file_options(CLI::App& command, DatabaseArguments& arguments) {
  command.add_option("--set", arguments.sets, set_help)->type_name("KEY=VALUE")->allow_extra_args(false);
  command.add_option("--plugins", arguments.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
}

void add_status(CLI::App& app, StatusArguments& arguments) {
  auto* command = app.add_subcommand("status", "How far an experiment is, what failed, and where the disk went");
  add_database(*command, arguments.database);
  add_file_options(*command, arguments.database);
  command->add_flag("--json", arguments.json, "Print JSON");
  command->add_flag("--watch", arguments.watch, "Print it again every second until nothing waits or runs");
  command->footer(
      "Of an experiment file: of the cells that it holds now. Of a database: of those its files held when they last "
      "ran.\n"
      "Example: espalier status results/demo.db --watch");
}

void add_table_looks(CLI::App& command, TableArguments& arguments) {
  command
      .add_option(
          "--spread", arguments.spread,
          "Beside a mean of several seeds: interval (95 % t), sd (standard deviation), se (standard error), range or "
          "none; default interval, and the range of two values")
      ->type_name("NAME");
  command.add_option("--digits", arguments.digits, "Digits after the point")
      ->check(CLI::Range(0, 15).description(""))
      ->type_name("N");
  command.add_flag("--percent", arguments.percent, "Print accuracies, error rates and other shares in percent");
  command.add_flag("--best", arguments.best, "Mark the best value of each column: bold, or * in a terminal");
  command.add_option("--caption", arguments.caption, "Instead of the experiment's name and the value's")
      ->type_name("TEXT");
  command.add_option("--format", arguments.format, "terminal, markdown, csv, latex or json; default terminal")
      ->type_name("NAME");
}

void add_table(CLI::App& app, TableArguments& arguments) {
  auto* command = app.add_subcommand("table", "The results as a table");
  add_database(*command, arguments.database);
  add_file_options(*command, arguments.database);
  command
      ->add_option("--rows", arguments.rows,
                   "Axes that make the rows; default granularity,scorer,scope and every other axis that varies")
      ->type_name("AXIS,...");
  command
      ->add_option("--columns", arguments.columns,
                   "Axes that make the columns; default the budget, as in sparsity or heads")
      ->type_name("AXIS,...");
  command
      ->add_option("--average", arguments.average,
                   "Axes to average over beside the seeds; others that vary become rows")
      ->type_name("AXIS,...");
  command
      ->add_option(
          "--value", arguments.value,
          "What the table shows, as in accuracy or latency, or several: accuracy,macro_f1; default the task's own "
          "metric")
      ->type_name("NAME,...");
  command->add_option("--only", arguments.only, only_help)->type_name("AXIS=VALUE,...")->allow_extra_args(false);
  add_table_looks(*command, arguments);
  command->footer(
      "Of an experiment file: the cells that it holds now. Of a database: all that it holds; what one name stood for "
      "at\n"
      "different times is told apart. Axes and values are explained in docs/views.md.\n"
      "Example: espalier table results/demo.db --rows scorer --columns sparsity --format markdown");
}

void add_cells(CLI::App& app, CellsArguments& arguments) {
  auto* command = app.add_subcommand("cells", "The cells one by one: keys, states, and with csv or json everything");
  add_database(*command, arguments.database);
  add_file_options(*command, arguments.database);
  command->add_option("--state", arguments.state, "waiting, running, done or failed; default all")->type_name("NAME");
  command->add_option("--only", arguments.only, only_help)->type_name("AXIS=VALUE,...")->allow_extra_args(false);
  command
      ->add_option("--format", arguments.format,
                   "terminal or markdown: what tells the cells apart; csv or json: every setting, every metric")
      ->type_name("NAME");
  command->footer("Example: espalier cells experiments/demo.toml --state failed");
}

void add_clean(CLI::App& app, CleanArguments& arguments) {
  auto* command = app.add_subcommand(
      "clean", "Remove cells that no experiment file holds any more, and cache entries that no cell refers to");
  add_database(*command, arguments.database);
  add_file_options(*command, arguments.database);
  command->add_flag("--cells", arguments.cells, "Remove the cells that are of an earlier state of the experiment file");
  command->add_flag("--cache", arguments.cache,
                    "Remove base models, scores, masks and steps that no cell of a database nearby refers to");
  command
      ->add_option("--kind", arguments.kinds,
                   "Remove a folder of the cache whole, as in features; it is made again when it is needed")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", arguments.dry_run, "Say what would go, and remove nothing");
  command->footer(
      "Without --cells and --cache it only says what would go. Refuses while a run is at work.\n"
      "Example: espalier clean experiments/demo.toml --cells --cache --dry-run");
}

void add_show(CLI::App& app, ShowArguments& arguments) {
  auto* command = app.add_subcommand("show", "Everything known of a cell");
  add_database(*command, arguments.database);
  command->add_option("KEY", arguments.key, "The cell's key, or its first letters")->required()->type_name("");
  command->add_flag("--json", arguments.json, "Print JSON");
  command->footer("Example: espalier show results/demo.db 3f2a9c");
}

void add_plugins(CLI::App& app, PluginsArguments& arguments) {
  auto* command = app.add_subcommand("plugins", "The scorers, searchers and recoveries there are, with their settings");
  command->add_option("--plugins", arguments.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
  command->add_flag("--json", arguments.json, "Print JSON");
  command->footer("Example: espalier plugins --plugins build/my-scorer.so");
}

struct Arguments {
  RunArguments run;
  PlanArguments plan;
  StatusArguments status;
  TableArguments table;
  CellsArguments cells;
  CleanArguments clean;
  ShowArguments show;
  PluginsArguments plugins;
};

std::unique_ptr<CLI::App> make_app(Arguments& arguments) {
  auto app = std::make_unique<CLI::App>("Attention-pruning experiments: from a question in TOML to a proven table",
                                        "espalier");
  app->set_version_flag("--version", "espalier " + version() + " (" + commit() + ")");
  app->require_subcommand(1);
  add_run(*app, arguments.run);
  add_plan(*app, arguments.plan);
  add_status(*app, arguments.status);
  add_table(*app, arguments.table);
  add_cells(*app, arguments.cells);
  add_show(*app, arguments.show);
  add_clean(*app, arguments.clean);
  add_plugins(*app, arguments.plugins);
  for (auto* command : app->get_subcommands(nullptr)) command->group("Experiments");
  for (const auto& command : handed_over_commands()) {
    app->add_subcommand(command.name, command.summary)->group("One model at a time, computed by espalier-worker");
  }
  app->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app->footer(
      "espalier COMMAND --help tells more. Exit codes: 0 done, 1 a cell failed, 2 command line or experiment file,\n"
      "3 plugin, 4 database, 5 checkpoint or data, 130 interrupted.\n"
      "Example: espalier run experiments/demo.toml");
  return app;
}

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

std::optional<std::function<ExitCode()>> read_command_line(int count, char** words) {
  const auto arguments = std::make_shared<Arguments>();
  const auto app = make_app(*arguments);
  if (count < 2) {
    std::cerr << app->help();
    throw SettingsError("espalier needs a command");
  }
  const std::string first(words[1]);
  if (!first.empty() && first.front() != '-' && chosen_command(*app, count, words) == nullptr) {
    throw SettingsError(unknown_name("command", first, command_names(*app)) + "\n    run: espalier --help");
  }
  try {
    app->parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw SettingsError(explained(error, *app, count, words));
    app->exit(error);  // --help or --version: prints what was asked for
    return std::nullopt;
  }
  const std::string command = app->get_subcommands().front()->get_name();
  if (command == "run") return [arguments] { return run(arguments->run); };
  if (command == "plan") return [arguments] { return plan(arguments->plan); };
  if (command == "status") return [arguments] { return status(arguments->status); };
  if (command == "table") return [arguments] { return table(arguments->table); };
  if (command == "cells") return [arguments] { return cells(arguments->cells); };
  if (command == "clean") return [arguments] { return clean(arguments->clean); };
  if (command == "show") return [arguments] { return show(arguments->show); };
  if (command == "plugins") return [arguments] { return plugins(arguments->plugins); };
  throw SettingsError("command '" + command + "' must come first: espalier " + command + " ...");
}

}  // namespace espalier::cli
