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
  command
      .add_option(
          "--significance", arguments.significance,
          "Test each value against the dense model and the best of its column, paired over the stored answers, at "
          "this level after Holm's correction; 0.05 without a number")
      ->type_name("LEVEL")
      ->expected(0, 1)
      ->default_str("0.05");
  command.add_option("--caption", arguments.caption, "Instead of the experiment's name and the value's")
      ->type_name("TEXT");
  command.add_option("--format", arguments.format, "terminal, markdown, csv, latex, typst or json; default terminal")
      ->type_name("NAME");
}

void add_devices(CLI::App& app, std::string& devices) {
  app.add_option("--devices", devices,
                 "cpu, auto (a GPU where one answers), all (GPUs), or some, as in cuda:0,cuda:1; default "
                 "$ESPALIER_DEVICES, else cpu")
      ->type_name("NAME,...");
}

// What a run and its cells may cost, and what is looked at again.
void add_limits(CLI::App& app, RunArguments& arguments) {
  app.add_option(
         "--cell-timeout", arguments.cell_timeout,
         "An attempt that takes longer fails, as in 90s, 10min or 2h; default cell_timeout in [limits], else none")
      ->type_name("TIME");
  app.add_option("--cell-memory", arguments.cell_memory,
                 "An attempt whose process takes more is ended and made again at half the batch, as in 8GiB; default "
                 "cell_memory in [limits], else none")
      ->type_name("SIZE");
  app.add_option("--attempts", arguments.attempts,
                 "Made of a cell whose process dies; default attempts in [limits], else 2")
      ->check(from_one_to(100))
      ->type_name("N");
  app.add_flag("--fail-fast", arguments.fail_fast, "End at the first cell that fails");
  app.add_option("--time-limit", arguments.time_limit,
                 "Give cells back and end after so long, as in 30min; exit code 130")
      ->type_name("TIME");
  app.add_option(
         "--verify-every", arguments.verify_every,
         "Compute one of so many of the cells that this run computed again, and compare: 20 is a random twentieth")
      ->check(from_one_to(1'000'000))
      ->type_name("N");
  app.add_option("--max-cells", arguments.cells_at_most, "Compute the first so many of the cells that are not done")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000'000}).description(""))
      ->type_name("N");
}

// A command's arguments live as long as what is to be done with them.
template <typename Arguments>
Deed deed(std::shared_ptr<Arguments> arguments, ExitCode (*command)(const Arguments&)) {
  return [arguments = std::move(arguments), command] { return command(*arguments); };
}

}  // namespace

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

Deed add_run(CLI::App& app) {
  const auto arguments = std::make_shared<RunArguments>();
  add_experiment(app, arguments->experiment);
  add_devices(app, arguments->devices);
  app.add_option(
         "--workers", arguments->workers,
         "Worker processes, dealt over the devices; auto: as many, and with as many threads, as compute most on this "
         "machine, measured once; default one a device")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool is_number =
                !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string::npos;
            const int number = is_number ? std::stoi(text) : 0;
            return text == "auto" || (number >= 1 && number <= 1024)
                       ? std::string()
                       : "'" + text + "', expected a number from 1 to 1024, or auto";
          },
          ""))
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
  add_limits(app, *arguments);
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

Deed add_pause(CLI::App& app) {
  const auto arguments = std::make_shared<PauseArguments>();
  add_database(app, arguments->database);
  app.footer(
      "Cells that are being computed are finished; no other is begun, by any run, until: espalier resume DB\n"
      "Example: espalier pause results/demo.db");
  return deed(arguments, pause);
}

Deed add_resume(CLI::App& app) {
  const auto arguments = std::make_shared<PauseArguments>();
  add_database(app, arguments->database);
  app.footer(
      "A run that is still there goes on by itself; else start one.\n"
      "Example: espalier resume results/demo.db");
  return deed(arguments, resume);
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
  app.add_option("--compare", arguments->compare,
                 "Set the values of an axis against each other over all else that varies, seeds averaged: mean ranks, "
                 "Friedman and Nemenyi, Wilcoxon of two")
      ->type_name("AXIS");
  app.add_option("--rope", arguments->rope,
                 "With --compare: differences of at most this much are none; then also how probable it is that one of "
                 "two is better, the same or worse")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("X");
  app.add_option(
         "--at", arguments->at,
         "Columns for these achieved sparsities: where none was measured, the value on the line between the two "
         "measured neighbours, marked †")
      ->type_name("SPARSITY,...");
  add_slice(app, arguments->only);
  add_table_looks(app, *arguments);
  app.footer(
      "Of an experiment file: the cells that it holds now. Of a database: those that its files held when they last "
      "ran;\n"
      "'espalier cells DB --stale' lists the others. Axes and values are explained in docs/views.md.\n"
      "Example: espalier table results/demo.db --rows scorer --columns sparsity --format markdown\n"
      "         espalier table results/demo.db --compare scorer --rope 0.01\n"
      "         espalier table results/demo.db --at 0.1,0.2 --format csv");
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
  app.add_flag("--stale", arguments->stale, "Those alone that are of an earlier state of the experiment file");
  app.footer("Example: espalier cells experiments/demo.toml --state failed");
  return deed(arguments, cells);
}

Deed add_rerun(CLI::App& app) {
  const auto arguments = std::make_shared<RerunArguments>();
  add_database(app, arguments->database);
  app.add_option("KEY", arguments->keys, "Beginnings of the cells' keys")->required()->type_name("...");
  app.add_option("--threads", arguments->threads, "Threads; default as many as then")
      ->check(from_one_to(4096))
      ->type_name("N");
  app.add_option("--device", arguments->device, "cpu, cuda or cuda:N; default the one of then")->type_name("NAME");
  app.add_option("--plugins", arguments->database.plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
  app.add_flag("--from-nothing", arguments->from_nothing, "Train the base model again, too");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Nothing that was computed then is read, but the base model. What is the same, from the best: identical (scores, "
      "masks,\n"
      "predictions and every metric to the last bit), same predictions, same mask, different. Exit code 1 where a cell "
      "is\n"
      "not identical on as many threads of the same machine, or not even its predictions are on others.\n"
      "Example: espalier rerun results/demo.db 3f2a 90c1 --threads 1");
  return deed(arguments, rerun);
}

Deed add_diff(CLI::App& app) {
  const auto arguments = std::make_shared<DiffArguments>();
  app.add_option("DB_A", arguments->one.file, "A database, or the experiment file that it belongs to")
      ->required()
      ->type_name("");
  app.add_option("DB_B", arguments->two.file, "Another one")->required()->type_name("");
  app.add_option("--tolerance", arguments->tolerance, "Numbers that lie so near each other are equal; default 0")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("X");
  app.add_flag("--json", arguments->json, "Print JSON: every cell that differs");
  app.footer(
      "Cells are the same by their keys. What was measured counts (states, metrics, parameters, masks, predictions), "
      "not\n"
      "when, where and how long. Exit code 1 where something differs or one of the two lacks a cell.\n"
      "Example: espalier diff results/demo.db elsewhere/demo.db --tolerance 1e-6");
  return deed(arguments, diff);
}

Deed add_prune_db(CLI::App& app) {
  const auto arguments = std::make_shared<PruneDbArguments>();
  add_results(app, arguments->database);
  app.add_flag("--yes", arguments->yes, "Remove without asking");
  app.add_flag("--dry-run", arguments->dry_run, "Say what would go, and remove nothing");
  app.footer(
      "Of an experiment file: the cells that it does not hold now. Of a database: those that its files did not hold "
      "when\n"
      "they last ran. Shows them and asks; all that was recorded of them goes, and the file becomes smaller. Refuses "
      "while\n"
      "a run is at work.\n"
      "Example: espalier prune-db experiments/demo.toml");
  return deed(arguments, prune_db);
}

Deed add_clean(CLI::App& app) {
  const auto arguments = std::make_shared<CleanArguments>();
  add_database(app, arguments->database);
  app.add_flag("--cache", arguments->cache,
               "Remove base models, scores, masks and steps that no cell of a database nearby refers to");
  app.add_flag("--dry-run", arguments->dry_run, "Say what would go, and remove nothing");
  app.footer(
      "Without --cache it only says what would go. Refuses while a run is at work. Cells go by 'espalier prune-db'.\n"
      "Example: espalier clean experiments/demo.toml --cache --dry-run");
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

Deed add_submit(CLI::App& app) {
  const auto arguments = std::make_shared<SubmitArguments>();
  add_experiment(app, arguments->experiment);
  app.add_option("--tasks", arguments->tasks, "Tasks that the cells are dealt to; default 8, or one a cell")
      ->check(from_one_to(100'000))
      ->type_name("N");
  app.add_option("--partition", arguments->partition, "Slurm's partition")->type_name("NAME");
  app.add_option("--time", arguments->time,
                 "Wall time of a task, as Slurm writes it, as in 4:00:00; a task stops 2 minutes before it is over")
      ->type_name("TIME");
  app.add_option("--workers-per-task", arguments->workers, "Worker processes of a task; default 1")
      ->check(from_one_to(1024))
      ->type_name("N");
  app.add_option("--threads", arguments->threads, "Threads of each worker; default 1")
      ->check(from_one_to(4096))
      ->type_name("N");
  app.add_option("--devices", arguments->devices, "Of each task: cpu, or some GPUs, as in cuda:0; default cpu")
      ->type_name("NAME,...");
  auto* requeues = app.add_option("--requeues", arguments->requeues,
                                  "Times that a task whose time is over before its cells are done is started again; "
                                  "default 20");
  requeues->check(from_one_to(1000))->type_name("N");
  app.add_flag("--no-requeue", arguments->no_requeue, "No task is started again, whatever ends it")->excludes(requeues);
  app.add_option("--sbatch", arguments->directives,
                 "One more line for sbatch, as in --sbatch=--account=physics; may be repeated")
      ->type_name("OPTION")
      ->allow_extra_args(false);
  app.add_option("--folder", arguments->folder,
                 "Where plan, script, logs and shards go; default results/NAME.submit, with a number where it is there")
      ->type_name("DIR");
  app.add_flag("--again", arguments->again, "Also while tasks of an earlier submission have not come home");
  app.add_flag("--dry-run", arguments->dry_run, "Write plan and script, and submit nothing");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Two calls of sbatch: an array of tasks, and a job that merges what they bring home. docs/clusters.md has the "
      "rest,\n"
      "and how to run the tasks without Slurm.\n"
      "Example: espalier submit experiments/demo.toml --partition main --tasks 16 --time 4:00:00");
  return deed(arguments, submit);
}

Deed add_worker(CLI::App& app) {
  const auto arguments = std::make_shared<WorkerArguments>();
  app.add_option("PLAN", arguments->plan, "The plan that 'espalier submit' wrote")->required()->type_name("");
  app.add_option("--shard", arguments->shard, "Which of how many shares of the plan, as in 3/8")
      ->required()
      ->type_name("I/N");
  app.add_option("--home", arguments->home, "Where the shard is carried to; default the folder shards beside the plan")
      ->type_name("DIR");
  app.add_option("--local", arguments->local, "A local disk to write the shard on; default $TMPDIR, else /tmp")
      ->type_name("DIR");
  app.add_option("--workers", arguments->workers, "Worker processes, dealt over the devices; default one a device")
      ->check(from_one_to(1024))
      ->type_name("N");
  app.add_option("--threads", arguments->threads, "Threads of each worker; default its part of the processors")
      ->check(from_one_to(4096))
      ->type_name("N");
  add_devices(app, arguments->devices);
  app.add_option("--plugins", arguments->plugins, plugins_help)->type_name("PATH")->allow_extra_args(false);
  app.add_option("--carry-seconds", arguments->carry_every_seconds,
                 "How often what is done is carried home; default 60")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("SECONDS");
  app.add_option("--requeues", arguments->requeues,
                 "As a job of Slurm's: after SIGUSR1 (its time is nearly over) with cells left it asks to be started "
                 "again, at most so many times; default never")
      ->check(from_one_to(1000))
      ->type_name("N");
  app.footer(
      "After SIGTERM, SIGINT or SIGHUP it gives back the cells at work, carries home what is done, and exits with 130; "
      "the "
      "same\n"
      "command goes on from there, on any machine. Exit code 0: all cells of the share are done, 1: one failed. The "
      "shard's\n"
      "path is printed.\n"
      "Example: espalier worker results/demo.submit/plan.db --shard 3/8");
  return deed(arguments, worker);
}

Deed add_merge(CLI::App& app) {
  const auto arguments = std::make_shared<MergeArguments>();
  app.add_option("DB", arguments->database, "The database to merge into; made where it is not there")
      ->required()
      ->type_name("");
  app.add_option("SHARD", arguments->shards, "Shards, or folders of them")->required()->type_name("");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "As often as you like: what is there already stays. A cell that was done twice with different results keeps the "
      "first\n"
      "and is told (exit code 1); a shard that cannot be read is told, and the others are merged (exit code 4).\n"
      "Example: espalier merge results/demo.db results/demo.submit/shards");
  return deed(arguments, merge);
}

}  // namespace espalier::cli
