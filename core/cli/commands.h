// The commands of the program espalier: what each is asked, and the function that answers. Each returns what the
// program exits with, and throws espalier::Error where it cannot go on.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace espalier::cli {

// What every command says that reads an experiment file.
struct ExperimentArguments {
  std::string file;
  std::string database;              // empty: results/<name>.db
  std::vector<std::string> sets;     // --set key=value
  std::vector<std::string> only;     // --only axis=value,...
  std::vector<std::string> plugins;  // files or folders
};

struct RunArguments {
  ExperimentArguments experiment;
  std::string devices;  // empty: $ESPALIER_DEVICES, else cpu
  std::string workers;  // a number, or auto; empty: one a device
  int threads = 0;      // 0: chosen
  bool rerun_changed = false;
  std::string cache_limit;  // empty: $ESPALIER_CACHE_LIMIT, else none
  // In words; empty: as the file's [limits] say, else none.
  std::string cell_timeout, cell_memory, time_limit;
  int attempts = 0;  // 0: as the file says
  bool fail_fast = false;
  std::int64_t cells_at_most = 0;
  int verify_every = 0;  // 0: no cell is computed again
};
ExitCode run(const RunArguments& arguments);

struct PlanArguments {
  ExperimentArguments experiment;
  bool json = false;
};
ExitCode plan(const PlanArguments& arguments);

// What every command says that reads a database.
struct DatabaseArguments {
  std::string file;   // a database or an experiment file
  std::string other;  // --db: the experiment file's database, where it is not results/<name>.db
  // Of an experiment file, for commands that show its cells.
  std::vector<std::string> sets;
  std::vector<std::string> plugins;
};

struct PauseArguments {
  DatabaseArguments database;
};
ExitCode pause(const PauseArguments& arguments);
ExitCode resume(const PauseArguments& arguments);

struct StatusArguments {
  DatabaseArguments database;
  bool json = false;
  bool watch = false;
  double every_seconds = 1;  // between two looks
};
ExitCode status(const StatusArguments& arguments);

struct TableArguments {
  DatabaseArguments database;
  std::string rows, columns;  // empty: what suits the experiment
  std::string value;          // several are joined by commas; empty: the task's main metric
  std::string format = "terminal";
  std::string average;  // axes
  std::string spread;   // empty: the usual one
  std::vector<std::string> only;
  int digits = -1;  // -1: what suits the value
  bool percent = false;
  bool best = false;
  double significance = 0;  // a level; 0: no tests
  std::string compare;      // an axis; empty: a table
  double rope = -1;         // with compare: differences of at most this much are none; -1: not asked
  std::string at;           // achieved sparsities, joined by commas
  std::string caption;
};
ExitCode table(const TableArguments& arguments);

struct CellsArguments {
  DatabaseArguments database;
  std::string state;
  std::vector<std::string> only;
  std::string format = "terminal";
  bool stale = false;
};
ExitCode cells(const CellsArguments& arguments);

struct CleanArguments {
  DatabaseArguments database;
  bool cache = false;
  bool dry_run = false;
};
ExitCode clean(const CleanArguments& arguments);

struct PruneDbArguments {
  DatabaseArguments database;
  bool yes = false;
  bool dry_run = false;
};
ExitCode prune_db(const PruneDbArguments& arguments);

struct DiffArguments {
  DatabaseArguments one, two;
  double tolerance = 0;
  bool json = false;
};
ExitCode diff(const DiffArguments& arguments);

struct CacheArguments {
  std::string action = "list";     // list, check, trim or clear
  std::vector<std::string> kinds;  // empty: check all, clear those that go by themselves
  std::string to;                  // empty: $ESPALIER_CACHE_LIMIT
  bool yes = false;
  bool json = false;
};
ExitCode cache(const CacheArguments& arguments);

struct ShowArguments {
  DatabaseArguments database;
  std::string key;
  bool json = false;
};
ExitCode show(const ShowArguments& arguments);

struct RerunArguments {
  DatabaseArguments database;
  std::vector<std::string> keys;
  int threads = 0;     // 0: as many as then
  std::string device;  // empty: the one of then
  bool from_nothing = false;
  bool json = false;
};
ExitCode rerun(const RerunArguments& arguments);
struct ExplainArguments {
  DatabaseArguments database;
  std::string key;  // or its first letters
  bool json = false;
};
ExitCode explain(const ExplainArguments& arguments);

struct PluginsArguments {
  std::vector<std::string> plugins;
  bool json = false;
};
ExitCode plugins(const PluginsArguments& arguments);

struct SubmitArguments {
  ExperimentArguments experiment;
  std::string folder;  // empty: results/<name>.submit
  int tasks = 0;       // 0: 8, or as many as there are cells
  std::string partition, time;
  int workers = 1, threads = 1;
  std::string devices = "cpu";
  int requeues = 20;
  bool no_requeue = false;
  std::vector<std::string> directives;
  bool dry_run = false;
  bool again = false;
  bool json = false;
};
ExitCode submit(const SubmitArguments& arguments);

struct WorkerArguments {
  std::string plan;
  std::string shard;  // I/N
  std::string home;   // empty: the folder shards beside the plan
  std::string local;  // empty: $TMPDIR, else /tmp
  std::string devices;
  int workers = 0, threads = 0;
  std::vector<std::string> plugins;
  double carry_every_seconds = 60;
  int requeues = 0;
};
ExitCode worker(const WorkerArguments& arguments);

struct MergeArguments {
  std::string database;
  std::vector<std::string> shards;  // files, or folders of them
  bool json = false;
};
ExitCode merge(const MergeArguments& arguments);

// --- the command line: each command adds its options and gives back what is to be done once they are read

using Deed = std::function<ExitCode()>;

struct Command {
  const char* name;
  const char* group;  // under which --help lists it
  const char* summary;
  Deed (*add)(CLI::App&);
};

// Options that several commands have.
void add_database(CLI::App& command, DatabaseArguments& arguments);
void add_slice(CLI::App& command, std::vector<std::string>& only);

Deed add_run(CLI::App& app);
Deed add_plan(CLI::App& app);
Deed add_status(CLI::App& app);
Deed add_pause(CLI::App& app);
Deed add_resume(CLI::App& app);
Deed add_table(CLI::App& app);
Deed add_cells(CLI::App& app);
Deed add_show(CLI::App& app);
Deed add_rerun(CLI::App& app);
Deed add_diff(CLI::App& app);
Deed add_prune_db(CLI::App& app);
Deed add_explain(CLI::App& app);
Deed add_clean(CLI::App& app);
Deed add_cache(CLI::App& app);
Deed add_plugins(CLI::App& app);
Deed add_submit(CLI::App& app);
Deed add_worker(CLI::App& app);
Deed add_merge(CLI::App& app);

}  // namespace espalier::cli
