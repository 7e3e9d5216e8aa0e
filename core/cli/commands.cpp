// The options of every command.
#include "commands.h"

#include <CLI/CLI.hpp>
#include <memory>

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

void add_slice(CLI::App& command, std::vector<std::string>& only) {
  command.add_option("--only", only, only_help)->type_name("AXIS=VALUE,...")->allow_extra_args(false);
}

void add_experiment(CLI::App& command, ExperimentArguments& arguments) {
  command.add_option("FILE", arguments.file, "The experiment file")->required()->type_name("");
  command.add_option("--db", arguments.database, "The database; default results/NAME.db, by the experiment's name")
      ->type_name("PATH");
  command.add_option("--set", arguments.sets, set_help)->type_name("KEY=VALUE")->allow_extra_args(false);
  add_slice(command, arguments.only);
  command.add_option("--plugins", arguments.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
}

// A database, or an experiment file and what makes its cells what they are.
void add_results(CLI::App& command, DatabaseArguments& arguments) {
  add_database(command, arguments);
  command.add_option("--set", arguments.sets, set_help)->type_name("KEY=VALUE")->allow_extra_args(false);
  command.add_option("--plugins", arguments.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
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

// A command's arguments live as long as what is to be done with them.
template <typename Arguments>
Deed deed(std::shared_ptr<Arguments> arguments, ExitCode (*command)(const Arguments&)) {
  return [arguments = std::move(arguments), command] { return command(*arguments); };
}

}  // namespace

Deed add_run(CLI::App& app) {
  const auto arguments = std::make_shared<RunArguments>();
  add_experiment(app, arguments->experiment);
  app.add_option("--devices", arguments->devices,
                 "cpu, auto (a GPU where one answers), all (GPUs), or some, as in cuda:0,cuda:1; default "
                 "$ESPALIER_DEVICES, else cpu")
      ->type_name("NAME,...");
  app.add_option("--workers", arguments->workers, "Worker processes, dealt over the devices; default one a device")
      ->check(from_one_to(1024))
      ->type_name("N");
  app.add_option(
         "--threads", arguments->threads,
         "Threads of each worker; default all processors for one worker, 1 for each of several, on GPUs its share")
      ->check(from_one_to(4096))
      ->type_name("N");
  app.add_flag("--rerun-changed", arguments->rerun_changed,
               "Compute again what was done with another file of a plugin than there is now, at the same version");
  app.add_option("--cache-limit", arguments->cache_limit,
                 "How large the cache may become, as in 20GiB: then what was not used for longest goes; default "
                 "$ESPALIER_CACHE_LIMIT, else no limit")
      ->type_name("SIZE");
  app.footer(
      "Run the same command again to go on after an interruption, or to try failed cells again.\n"
      "Example: espalier run experiments/demo.toml --only scorer=magnitude");
  return deed(arguments, run);
}

Deed add_plan(CLI::App& app) {
  const auto arguments = std::make_shared<PlanArguments>();
  add_experiment(app, arguments->experiment);
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer("Example: espalier plan experiments/demo.toml --set grid.seed=[0,1,2]");
  return deed(arguments, plan);
}

Deed add_status(CLI::App& app) {
  const auto arguments = std::make_shared<StatusArguments>();
  add_results(app, arguments->database);
  app.add_flag("--json", arguments->json, "Print JSON");
  auto* watch =
      app.add_flag("--watch", arguments->watch,
                   "Show it again and again, with every worker, until nothing waits or runs; Ctrl-C ends it with 0");
  app.add_option("--every", arguments->every_seconds, "Seconds between two looks of --watch; default 1")
      ->check(CLI::Range(0.1, 86400.0).description(""))
      ->needs(watch)
      ->type_name("SECONDS");
  app.footer(
      "Of an experiment file: of the cells that it holds now. Of a database: of those its files held when they last "
      "ran.\n"
      "Example: espalier status results/demo.db --watch");
  return deed(arguments, status);
}

Deed add_table(CLI::App& app) {
  const auto arguments = std::make_shared<TableArguments>();
  add_results(app, arguments->database);
  app.add_option("--rows", arguments->rows,
                 "Axes that make the rows; default granularity,scorer,scope and every other axis that varies")
      ->type_name("AXIS,...");
  app.add_option("--columns", arguments->columns,
                 "Axes that make the columns; default the budget, as in sparsity or heads")
      ->type_name("AXIS,...");
  app.add_option("--average", arguments->average, "Axes to average over beside the seeds; others that vary become rows")
      ->type_name("AXIS,...");
  app.add_option(
         "--value", arguments->value,
         "What the table shows, as in accuracy or latency, or several: accuracy,macro_f1; default the task's own "
         "metric")
      ->type_name("NAME,...");
  add_slice(app, arguments->only);
  add_table_looks(app, *arguments);
  app.footer(
      "Of an experiment file: the cells that it holds now. Of a database: all that it holds; what one name stood for "
      "at\n"
      "different times is told apart. Axes and values are explained in docs/views.md.\n"
      "Example: espalier table results/demo.db --rows scorer --columns sparsity --format markdown");
  return deed(arguments, table);
}

Deed add_cells(CLI::App& app) {
  const auto arguments = std::make_shared<CellsArguments>();
  add_results(app, arguments->database);
  app.add_option("--state", arguments->state, "waiting, running, done or failed; default all")->type_name("NAME");
  add_slice(app, arguments->only);
  app.add_option("--format", arguments->format,
                 "terminal or markdown: what tells the cells apart; csv or json: every setting, every metric")
      ->type_name("NAME");
  app.footer("Example: espalier cells experiments/demo.toml --state failed");
  return deed(arguments, cells);
}

Deed add_clean(CLI::App& app) {
  const auto arguments = std::make_shared<CleanArguments>();
  add_results(app, arguments->database);
  app.add_flag("--cells", arguments->cells, "Remove the cells that are of an earlier state of the experiment file");
  app.add_flag("--cache", arguments->cache,
               "Remove base models, scores, masks and steps that no cell of a database nearby refers to");
  app.add_flag("--dry-run", arguments->dry_run, "Say what would go, and remove nothing");
  app.footer(
      "Without --cells and --cache it only says what would go. Refuses while a run is at work.\n"
      "Example: espalier clean experiments/demo.toml --cells --cache --dry-run");
  return deed(arguments, clean);
}

Deed add_cache(CLI::App& app) {
  const auto arguments = std::make_shared<CacheArguments>();
  app.add_option(
         "ACTION", arguments->action,
         "list (default): a row a kind; check: read all entries and say which are not what was written; trim: remove "
         "what was not used for longest; clear: remove kinds whole")
      ->type_name("");
  app.add_option("KIND", arguments->kinds,
                 "What to check or clear, as in features; default all, but clear leaves masks and steps")
      ->type_name("");
  app.add_option("--to", arguments->to, "How much trim leaves, as in 10GiB; default $ESPALIER_CACHE_LIMIT")
      ->type_name("SIZE");
  app.add_flag("--yes", arguments->yes, "Clear without asking");
  app.add_flag("--json", arguments->json, "Print JSON (list and check)");
  app.footer(
      "Of $ESPALIER_CACHE, else results/cache. What is removed is computed again when it is needed; masks and steps "
      "are\n"
      "not trimmed, since finished cells point at the ones and stopped cells go on from the others. What a living "
      "process\n"
      "uses stays.\n"
      "Exit code 5 where an entry does not verify.\n"
      "Example: espalier cache trim --to 10GiB");
  return deed(arguments, cache);
}

Deed add_show(CLI::App& app) {
  const auto arguments = std::make_shared<ShowArguments>();
  add_database(app, arguments->database);
  app.add_option("KEY", arguments->key, "The cell's key, or its first letters")->required()->type_name("");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer("Example: espalier show results/demo.db 3f2a9c");
  return deed(arguments, show);
}

Deed add_explain(CLI::App& app) {
  const auto arguments = std::make_shared<ExplainArguments>();
  add_results(app, arguments->database);
  app.add_option("KEY", arguments->key, "The cell's key, or its first letters")->required()->type_name("");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Of an experiment file: also whether the file holds the cell, skips it, or lacks files.\n"
      "Example: espalier explain experiments/demo.toml 3f2a9c");
  return deed(arguments, explain);
}

Deed add_plugins(CLI::App& app) {
  const auto arguments = std::make_shared<PluginsArguments>();
  app.add_option("--plugins", arguments->plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer("Example: espalier plugins --plugins build/my-scorer.so");
  return deed(arguments, plugins);
}

}  // namespace espalier::cli
