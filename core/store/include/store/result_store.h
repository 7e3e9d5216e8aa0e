// From a finished attempt to rows, and back. All SQL lives in this room.
//
// One SQLite file holds experiments, cells, attempts, points and where they came from. Workers claim cells by lease, so
// that a cell is never computed twice at once and never lost with its worker. Safe for several processes on one machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cells/attempt.h"
#include "cells/run/limits.h"
#include "cells/sharing/work_groups.h"
#include "store/cell_record.h"
#include "store/live/live_worker.h"
#include "store/live/surroundings.h"

namespace espalier::store {

// A cell to be inserted: its key and its resolved settings as JSON (cells/cell_settings.h).
struct NewCell {
  std::string key;
  std::string settings;
  bool asked = true;        // false: of the experiment, but not of the slice that is to run
  std::string source = "";  // JSON: digests of the files behind the settings' paths; empty: not known
  std::int64_t rank = 0;    // the lower, the earlier it is claimed; within a rank by its place in the list
  WorkGroups groups = {};   // whom it shares work with
};

struct Inserted {
  std::int64_t added = 0;    // not known before
  std::int64_t retried = 0;  // failed before, and waiting again
};

struct ExperimentRecord {
  std::string name;
  std::string question;
  std::string file;  // as the user wrote it
  std::string file_digest;
  std::string run = "";  // the process that is to have the cells computed (worker_name.h); empty: nobody is yet
};

// What a worker holds while it computes.
struct Claim {
  std::int64_t cell_id = 0;
  std::string key;
  std::string settings;      // JSON
  std::int64_t attempt = 0;  // 1 for the first
  std::string worker;
  std::int64_t batch_halvings = 0;  // batches are to be halved so often: memory did not suffice before
  // Where the worker comes to other scores than it had: settings of waiting cells of the same base group, one of each score
  // group that nobody is at.
  std::vector<std::string> companions = {};
};

struct Finished {
  bool kept = false;          // as finish() says
  std::optional<Claim> next;  // as claim() says
};

struct Counts {
  std::int64_t cells = 0, done = 0, failed = 0, running = 0, waiting = 0;
  std::int64_t not_asked = 0;  // of those that wait: the last run was not asked for them
  std::int64_t earlier = 0;    // beside them: done or failed, and of an earlier state of the experiment file
};

struct Failure {
  std::string key;
  std::string message;
};

struct Progress {
  Counts counts;
  double mean_seconds = 0;  // of finished attempts; 0 when there are none
  double finished_in_last_minute = 0;
  std::vector<Failure> failures;  // of failed cells, newest first
};

// One row of the view `points` with the cell's settings: what tables are made of. Columns by name, as text or number.
struct Value {
  enum class Kind { Null, Integer, Real, Text } kind = Kind::Null;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
};
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
};

struct CodedRows;      // coded/coded_rows.h
struct DetailedCells;  // the same

enum class Mode { ReadOnly, ReadWrite, Create };  // Create: ReadWrite, made when absent

class ResultStore {
 public:
  // Throws StoreError: no database, another program's database, a newer schema, a folder that is read-only or on a
  // network file system, a full disk. An older schema is migrated after a backup beside it (not in ReadOnly mode).
  ResultStore(const std::filesystem::path& file, Mode mode, Surroundings around = real_surroundings());
  ~ResultStore();
  ResultStore(ResultStore&&) noexcept;

  struct State;  // of this room's own files

  // Registers the experiment and all its cells, in order; known keys are left as they are and joined to the experiment.
  // Failed cells among those asked for become waiting again when retry_failed. Cells that the experiment had before and
  // that are not among these are no longer current: with results they stay, without they are withdrawn, unless another run
  // is at work on the experiment. Returns how many cells were new, and how many wait again.
  Inserted insert(const ExperimentRecord& experiment, const std::vector<NewCell>& cells, bool retry_failed);
  // The same of cells that are made one after the other, so that a million need not be in memory at once. `next`: a cell,
  // which lives until the following one is asked for; nullptr: there are no more.
  Inserted insert_each(const ExperimentRecord& experiment, const std::function<const NewCell*()>& next,
                       bool retry_failed);

  // The run of this name is over: what it asked for no longer stays when another one asks. A run whose process is gone
  // need not say so.
  void end_run(const std::string& run);

  // Which of these keys are done.
  std::vector<bool> done(const std::vector<std::string>& keys) const;

  // Claims a waiting cell of the experiment that is asked for, or one whose lease ran out and whose worker does not live on
  // this host; nullopt when none is left to claim. A lease that ran out does not count against its cell. Of the cells of
  // the lowest rank it is one that shares work with those that this worker claimed last through this object, else one of
  // a group that few others are at, else the first.
  std::optional<Claim> claim(const std::string& experiment, const std::string& worker, double lease_seconds);
  // Prolongs the lease; false when the cell was taken away meanwhile.
  bool renew(const Claim& claim, double lease_seconds);
  // Gives a claimed cell back: its attempt ends as interrupted and does not count; the cell waits again.
  void release(const Claim& claim);
  // Commits attempt, points, artifacts, plugins and environment in one transaction; false when the claim is lost, and
  // then nothing is written.
  bool finish(const Claim& claim, const Attempt& attempt);
  // finish() and claim() in one transaction, for a worker that goes on.
  Finished finish_and_claim(const Claim& claim, const Attempt& attempt, const std::string& experiment,
                            double lease_seconds);
  // The attempt failed of what may go better another time: it ends as failed with its reason, and the cell waits again. With
  // batches halved once more where asked, which whoever asks bounds; else it counts as worker_died does: false where that
  // was the last time, and then the cell is failed; false also where the claim is lost.
  bool try_again(const Claim& claim, const Attempt& attempt, bool halve_batches, std::int64_t attempts_allowed = 2);
  // A worker is known to be gone: its running attempt ends as lost with this message; the cell goes back to waiting,
  // or to failed when it has used up its attempts. Returns the keys of the cells that it held.
  std::vector<std::string> worker_died(const std::string& worker, const std::string& message,
                                       std::int64_t attempts_allowed = 2);

  // A paused experiment hands out no cell; who computes one finishes it.
  void set_paused(const std::string& experiment, bool paused);
  bool is_paused(const std::string& experiment) const;
  // What its attempts may cost, for workers that are started elsewhere; none where nothing was kept.
  void keep_limits(const std::string& experiment, const CellLimits& limits);
  CellLimits limits(const std::string& experiment) const;
  // Whether a run is there that may begin cells, or somebody holds one; an empty name: of any experiment.
  bool is_at_work(const std::string& experiment) const;
  // Ends every attempt of this host whose worker's process is no more (worker names are HOST:PID:START_TICKS), and forgets
  // those workers.
  void release_dead_workers();

  // What a worker says of itself, for whoever watches; nothing depends on it.
  void note_worker(const LiveWorker& worker);
  void forget_worker(const std::string& name);
  // Those that said something, and those that hold a cell without a word; an empty name: of all experiments.
  std::vector<LiveWorker> workers(const std::string& experiment) const;
  // What is asked for and not done, and what such cells took before; reads all cells of the experiment (an empty name: of all).
  std::vector<KindOfCells> kinds(const std::string& experiment) const;
  // Where the cell of this whole key stands: in its experiments, and with whom.
  CellSituation situation(const std::string& key) const;

  // Every plugin file that a recorded attempt used.
  std::vector<UsedPlugin> plugins() const;
  // Keys of the done cells whose result was computed with this plugin file.
  std::vector<std::string> done_with(const UsedPlugin& plugin) const;
  // Lets done cells wait again. What they gave stays recorded, and is replaced when they are done once more.
  void let_wait_again(const std::vector<std::string>& keys);

  // Of what the experiment holds now: cells of an earlier state of its file count only while they wait or run. An empty
  // name: of all experiments, a cell of several once.
  Counts counts(const std::string& experiment) const;
  // Of the cells that the last run, or another that is at work, was asked for.
  Counts counts_asked(const std::string& experiment) const;
  // Of these keys, known or not; an unknown or empty one waits. `earlier` are the experiment's others.
  Counts counts_of(const std::string& experiment, const std::vector<std::string>& keys) const;
  Progress progress(const std::string& experiment) const;
  Progress progress_of(const std::string& experiment, const std::vector<std::string>& keys) const;
  // Mean seconds of finished attempts by (granularity, scorer), for estimates: key "granularity/scorer".
  std::map<std::string, double> mean_seconds() const;
  std::vector<ExperimentRecord> experiments() const;

  Rows points(const std::string& experiment) const;  // view `points`
  // The same with these of its columns alone: each costs, and a metric costs a look for it. Throws StoreError for a column
  // that the view lacks.
  Rows points_with(const std::string& experiment, const std::vector<std::string>& columns) const;
  Rows failed_cells(const std::string& experiment) const;  // view `cells`, failed ones
  Rows cells(const std::string& experiment) const;         // view `cells`, all of them
  // These columns of the view `cells`, or of: `settings`, as JSON, and `settings.NAME`, a member of it as it stands;
  // `source`, JSON; `files`, JSON from role to the digest of the plugin's file in the last attempt; `inserted`, a number that
  // grows with each cell; `computed_on`, the device of the attempt that counts, and `memory_shortages`, how often its memory
  // did not suffice there. Each column costs.
  DetailedCells cells_in_detail(const std::string& experiment, const std::vector<std::string>& columns) const;
  // These columns of the view `points`, of those cells that are done, in the cells' order; what a point has of its cell must
  // be among the columns of the cells.
  CodedRows points_of(const DetailedCells& cells, const std::vector<std::string>& columns) const;
  // View `latencies`, the last points of done cells.
  Rows latencies(const std::string& experiment) const;
  // How the last attempt of each failed cell ended: key, outcome (failed or lost), reason (one word; null: not recorded).
  Rows failures(const std::string& experiment) const;
  // Every metric of the dense and of the last point of each cell's last attempt: key, kind, last, name, value.
  Rows metrics(const std::string& experiment) const;
  // Where what was said of each example is: key, step, kind, last, name (`right`, or of Point::example_numbers), digest; of
  // each cell's last attempt.
  Rows example_digests(const std::string& experiment) const;
  // Right or wrong, example by example; empty where no such digest is kept or answers are not of that kind.
  std::vector<bool> outcomes(const std::string& digest) const;
  // One number an example; empty where no such digest is kept.
  std::vector<std::int64_t> example_numbers(const std::string& digest) const;
  // The cells that the experiment's file held when it last ran, in its order: key and settings.
  std::vector<NewCell> current_cells(const std::string& experiment) const;

  // Cells that no experiment file holds any more: of the experiment (an empty name: of all), those that are not current, or
  // those that are not among these keys. Columns key, state, seconds, attempts, settings.
  Rows stale_cells(const std::string& experiment, const std::vector<std::string>* keys) const;
  // Removes them with all that was recorded of them, and gives the space back. Throws StoreError while a cell is running.
  std::int64_t remove_stale(const std::string& experiment, const std::vector<std::string>* keys);
  // What attempts left in the cache.
  std::vector<Artifact> artifacts() const;

  // Everything known of the cell whose key starts with `prefix`. Throws StoreError when none or several do.
  CellRecord read(const std::string& prefix) const;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace espalier::store
