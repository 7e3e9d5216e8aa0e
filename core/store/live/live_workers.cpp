// Who is at work: written by workers now and then, read by whoever watches. Claims and leases do not depend on it.
#include "live/live_workers.h"

namespace espalier::store {
namespace {

std::vector<std::string> noted_names(ResultStore::State& state) {
  auto& select = state.statement("SELECT name FROM worker");
  std::vector<std::string> names;
  while (select.executeStep()) names.push_back(select.getColumn(0).getString());
  return names;
}

void forget(ResultStore::State& state, const std::string& name) {
  auto& remove = state.statement("DELETE FROM worker WHERE name = ?");
  remove.bind(1, name);
  remove.exec();
}

// Of a cell of several experiments the first is named, where its holder does not say for which one it works.
constexpr const char* noted_and_holding = R"sql(
WITH held AS (
  SELECT cell.worker, cell.key, attempt.started,
         (SELECT name FROM experiment WHERE id = (SELECT min(experiment_id) FROM experiment_cell
                                                  WHERE cell_id = cell.id AND asked = 1)) AS experiment
  FROM cell JOIN attempt ON attempt.cell_id = cell.id AND attempt.number = cell.attempts
  WHERE cell.state = 'running')
SELECT * FROM (
  SELECT worker.name, worker.experiment, worker.device, worker.threads, worker.stage, worker.memory_bytes, worker.finished,
         worker.seen, held.key, held.started
  FROM worker LEFT JOIN held ON held.worker = worker.name
  UNION ALL
  SELECT held.worker, coalesce(held.experiment, ''), '', 0, '', NULL, 0, NULL, held.key, held.started
  FROM held WHERE held.worker NOT IN (SELECT name FROM worker))
WHERE ?1 = '' OR experiment = ?1
ORDER BY device, name)sql";

}  // namespace

void forget_dead_workers(ResultStore::State& state) {
  for (const auto& name : noted_names(state)) {
    if (state.around.whereabouts(name) == Whereabouts::Gone) forget(state, name);
  }
}

void ResultStore::note_worker(const LiveWorker& worker) {
  translated(state_->file, [&] {
    const Unsynced unsynced(*state_);
    auto& note = state_->statement(R"sql(
INSERT INTO worker (name, experiment, device, threads, started, seen, stage, memory_bytes, finished)
VALUES (:name, :experiment, :device, :threads, :now, :now, :stage, :memory, :finished)
ON CONFLICT (name) DO UPDATE SET seen = excluded.seen, stage = excluded.stage, memory_bytes = excluded.memory_bytes,
                                 finished = excluded.finished)sql");
    note.bind(":name", worker.name);
    note.bind(":experiment", worker.experiment);
    note.bind(":device", worker.device);
    note.bind(":threads", worker.threads);
    note.bind(":now", state_->now());
    note.bind(":stage", worker.stage);
    if (worker.memory_bytes) note.bind(":memory", *worker.memory_bytes);
    note.bind(":finished", worker.finished);
    note.exec();
  });
}

void ResultStore::forget_worker(const std::string& name) {
  translated(state_->file, [&] {
    const Unsynced unsynced(*state_);
    forget(*state_, name);
  });
}

std::vector<LiveWorker> ResultStore::workers(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(noted_and_holding);
    select.bind(1, experiment);
    const auto now = state_->now();
    std::vector<LiveWorker> workers;
    while (select.executeStep()) {
      LiveWorker worker;
      std::optional<double> seen, began;
      read_row(select, worker.name, worker.experiment, worker.device, worker.threads, worker.stage, worker.memory_bytes,
               worker.finished, seen, worker.key, began);
      if (seen) worker.silent_seconds = now - *seen;
      if (began) worker.seconds_at_cell = now - *began;
      workers.push_back(std::move(worker));
    }
    for (auto& worker : workers) worker.where = state_->around.whereabouts(worker.name);
    return workers;
  });
}

}  // namespace espalier::store
