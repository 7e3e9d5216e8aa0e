// Who computes what: leases are taken and ended by single statements or short immediate transactions, so that a cell is
// never handed out twice and a worker that came too late writes nothing.
#include <algorithm>

#include "attempts.h"
#include "connection.h"
#include "live/live_workers.h"
#include "order/choosing.h"
#include "order/companions.h"
#include "store/worker_name.h"

namespace espalier::store {
namespace {

// Ends a running attempt and frees or fails its cell. `counts`: the attempt uses up one of the cell's lives.
void end_attempt(ResultStore::State& state, std::int64_t cell, std::int64_t attempt, const std::string& outcome,
                 const std::string& message, bool counts, std::int64_t attempts_allowed) {
  auto& end = state.statement(
      "UPDATE attempt SET outcome = ?, message = ?, ended = ?, reason = ? WHERE cell_id = ? AND number = ? AND outcome "
      "= 'running'");
  end.bind(1, outcome);
  end.bind(2, message);
  end.bind(3, state.now());
  if (counts) end.bind(4, to_string(FailureReason::Crash));
  end.bind(5, cell);
  end.bind(6, attempt);
  end.exec();
  auto& release = state.statement(R"sql(
UPDATE cell SET lost = lost + :counts, worker = NULL, lease_until = NULL,
                state = CASE WHEN :counts = 1 AND lost + 1 >= :allowed THEN 'failed' ELSE 'waiting' END,
                message = CASE WHEN :counts = 1 THEN :message ELSE message END,
                attempt_id = CASE WHEN :counts = 1 AND lost + 1 >= :allowed
                                  THEN (SELECT id FROM attempt WHERE cell_id = :cell AND number = :attempt) ELSE attempt_id END
WHERE id = :cell AND state = 'running' AND attempts = :attempt)sql");
  release.bind(":counts", counts ? 1 : 0);
  release.bind(":allowed", attempts_allowed);
  release.bind(":message", message);
  release.bind(":cell", cell);
  release.bind(":attempt", attempt);
  release.exec();
}

struct Running {
  std::int64_t cell = 0, attempt = 0;
  std::string key, worker;
};

std::vector<Running> running_cells(ResultStore::State& state, const std::string& condition, const std::string& bound) {
  auto& select = state.statement("SELECT id, attempts, key, worker FROM cell WHERE state = 'running' AND " + condition);
  if (!bound.empty()) select.bind(1, bound);
  std::vector<Running> cells;
  while (select.executeStep()) {
    cells.push_back({select.getColumn(0).getInt64(), select.getColumn(1).getInt64(), select.getColumn(2).getString(),
                     select.getColumn(3).getString()});
  }
  return cells;
}

// A lease that ran out says little: clocks jump, and machines sleep. So a worker of this host is asked whether it lives, and
// none of them is held against the cell. A lease that ends later than any lease does was given by a clock that was put back
// since: if it counted, the cell of a worker that died elsewhere would wait until that time comes.
void end_expired(ResultStore::State& state, double lease_seconds) {
  constexpr double least_far_seconds = 3600, far_in_leases = 10;
  const auto now = state.now();
  const auto far = now + std::max(least_far_seconds, far_in_leases * lease_seconds);
  auto expired = running_cells(state, "lease_until < ?", std::to_string(now));
  auto implausible = running_cells(state, "lease_until > ?", std::to_string(far));
  expired.insert(expired.end(), implausible.begin(), implausible.end());
  for (const auto& cell : expired) {
    if (state.around.whereabouts(cell.worker) == Whereabouts::Alive) continue;
    end_attempt(state, cell.cell, cell.attempt, "lost", "worker " + cell.worker + " vanished: its lease ran out",
                /*counts=*/false, 0);
  }
}

std::optional<Claim> take_next(ResultStore::State& state, const std::string& experiment, const std::string& worker,
                               double lease_seconds) {
  end_expired(state, lease_seconds);
  const auto cell = next_cell(state, experiment, worker);
  if (!cell) return std::nullopt;
  auto& take = state.statement(R"sql(
UPDATE cell SET state = 'running', worker = :worker, lease_until = :until, attempts = attempts + 1
WHERE id = :cell
RETURNING id, key, settings, attempts, batch_halvings)sql");
  take.bind(":worker", worker);
  take.bind(":until", state.now() + lease_seconds);
  take.bind(":cell", cell->cell);
  if (!take.executeStep()) return std::nullopt;
  Claim claim{take.getColumn(0).getInt64(),
              take.getColumn(1).getString(),
              take.getColumn(2).getString(),
              take.getColumn(3).getInt64(),
              worker,
              take.getColumn(4).getInt64()};
  take.reset();
  if (cell->is_new_score_group) claim.companions = companions_of(state, *cell, worker);
  auto& attempt = state.statement("INSERT INTO attempt (cell_id, number, worker, started) VALUES (?, ?, ?, ?)");
  bind_from(attempt, 1, claim.cell_id, claim.attempt, worker, state.now());
  attempt.exec();
  return claim;
}

// The id of the attempt that the claim is, where it still holds its cell; else 0.
std::int64_t held_attempt(ResultStore::State& state, const Claim& claim) {
  auto& held = state.statement(R"sql(
SELECT attempt.id FROM cell JOIN attempt ON attempt.cell_id = cell.id AND attempt.number = cell.attempts
WHERE cell.id = ? AND cell.worker = ? AND cell.attempts = ? AND cell.state = 'running')sql");
  bind_from(held, 1, claim.cell_id, claim.worker, claim.attempt);
  const auto id = held.executeStep() ? held.getColumn(0).getInt64() : 0;
  held.reset();
  return id;
}

// What is known of the attempt itself.
void write_end(ResultStore::State& state, std::int64_t attempt_id, const Attempt& attempt, double now) {
  auto& end = state.statement(
      "UPDATE attempt SET outcome = ?, ended = ?, seconds = ?, message = ?, timing = ?, environment_id = ?, reason = "
      "?, "
      "device = ?, batch_halvings = ?, peak_memory_bytes = ? WHERE id = ?");
  end.bind(1, attempt.outcome == Outcome::Done ? "done" : "failed");
  end.bind(2, now);
  end.bind(3, attempt.seconds.value_or(0));
  end.bind(4, attempt.message);
  if (attempt.timing) end.bind(5, json_text(to_json(*attempt.timing)));
  if (!attempt.environment.is_null()) end.bind(6, id_of_content(state, "environment", json_text(attempt.environment)));
  if (attempt.reason) end.bind(7, to_string(*attempt.reason));
  bind_from(end, 8, attempt.device, attempt.batch_halvings, attempt.peak_memory_bytes, attempt_id);
  end.exec();
}

bool write_finished(ResultStore::State& state, const Claim& claim, const Attempt& attempt) {
  const auto attempt_id = held_attempt(state, claim);
  if (attempt_id == 0) return false;
  const bool done = attempt.outcome == Outcome::Done;
  const auto now = state.now();
  const auto seconds = attempt.seconds.value_or(0);
  write_end(state, attempt_id, attempt, now);
  const auto last = insert_results(state, attempt_id, attempt);
  auto& finish = state.statement(R"sql(
UPDATE cell SET state = ?, worker = NULL, lease_until = NULL, seconds = ?, finished = ?, message = ?, attempt_id = ?,
                point_id = ?
WHERE id = ?)sql");
  finish.bind(1, done ? "done" : "failed");
  finish.bind(2, seconds);
  finish.bind(3, now);
  finish.bind(4, attempt.message);
  finish.bind(5, attempt_id);
  if (last != 0) finish.bind(6, last);
  finish.bind(7, claim.cell_id);
  finish.exec();
  return true;
}

}  // namespace

std::optional<Claim> ResultStore::claim(const std::string& experiment, const std::string& worker,
                                        double lease_seconds) {
  return translated(state_->file, [&] {
    const Unsynced unsynced(*state_);
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    auto claim = take_next(*state_, experiment, worker, lease_seconds);
    transaction.commit();
    return claim;
  });
}

bool ResultStore::renew(const Claim& claim, double lease_seconds) {
  return translated(state_->file, [&] {
    const Unsynced unsynced(*state_);
    auto& renew = state_->statement(
        "UPDATE cell SET lease_until = ? WHERE id = ? AND worker = ? AND attempts = ? AND state = 'running'");
    renew.bind(1, state_->now() + lease_seconds);
    renew.bind(2, claim.cell_id);
    renew.bind(3, claim.worker);
    renew.bind(4, claim.attempt);
    return renew.exec() == 1;
  });
}

void ResultStore::release(const Claim& claim) {
  translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    end_attempt(*state_, claim.cell_id, claim.attempt, "interrupted", "interrupted by the user", /*counts=*/false, 0);
    transaction.commit();
  });
}

bool ResultStore::finish(const Claim& claim, const Attempt& attempt) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const bool kept = write_finished(*state_, claim, attempt);
    transaction.commit();
    return kept;
  });
}

Finished ResultStore::finish_and_claim(const Claim& claim, const Attempt& attempt, const std::string& experiment,
                                       double lease_seconds) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    Finished finished;
    finished.kept = write_finished(*state_, claim, attempt);
    finished.next = take_next(*state_, experiment, claim.worker, lease_seconds);
    transaction.commit();
    return finished;
  });
}

bool ResultStore::try_again(const Claim& claim, const Attempt& attempt, bool halve_batches,
                            std::int64_t attempts_allowed) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto attempt_id = held_attempt(*state_, claim);
    if (attempt_id == 0) return false;
    write_end(*state_, attempt_id, attempt, state_->now());
    auto& wait = state_->statement(R"sql(
UPDATE cell SET worker = NULL, lease_until = NULL, lost = lost + 1 - :halved, message = :message, seconds = :seconds,
                batch_halvings = batch_halvings + :halved, attempt_id = :attempt, point_id = NULL,
                finished = CASE WHEN lost + 1 - :halved >= :allowed THEN :now ELSE finished END,
                state = CASE WHEN lost + 1 - :halved >= :allowed THEN 'failed' ELSE 'waiting' END
WHERE id = :cell RETURNING state)sql");
    wait.bind(":message", attempt.message);
    wait.bind(":seconds", attempt.seconds.value_or(0));
    wait.bind(":halved", halve_batches ? 1 : 0);
    wait.bind(":attempt", attempt_id);
    wait.bind(":allowed", attempts_allowed);
    wait.bind(":now", state_->now());
    wait.bind(":cell", claim.cell_id);
    wait.executeStep();
    const bool waits = wait.getColumn(0).getString() == "waiting";
    wait.reset();
    transaction.commit();
    return waits;
  });
}

std::vector<std::string> ResultStore::worker_died(const std::string& worker, const std::string& message,
                                                  std::int64_t attempts_allowed) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    std::vector<std::string> keys;
    for (const auto& cell : running_cells(*state_, "worker = ?", worker)) {
      end_attempt(*state_, cell.cell, cell.attempt, "lost", message, /*counts=*/true, attempts_allowed);
      keys.push_back(cell.key);
    }
    transaction.commit();
    return keys;
  });
}

void ResultStore::release_dead_workers() {
  translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& cell : running_cells(*state_, "true", "")) {
      if (state_->around.whereabouts(cell.worker) != Whereabouts::Gone) continue;
      // Nobody watched it: it may have been killed together with its runner, so this is not held against the cell.
      end_attempt(*state_, cell.cell, cell.attempt, "lost", "worker " + cell.worker + " is gone", /*counts=*/false, 0);
    }
    forget_dead_workers(*state_);
    transaction.commit();
  });
}

}  // namespace espalier::store
