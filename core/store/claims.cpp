// Who computes what: leases are taken and ended by single statements or short immediate transactions, so that a cell is
// never handed out twice and a worker that came too late writes nothing.
#include <nlohmann/json.hpp>

#include "connection.h"
#include "store/worker_name.h"
#include "words/digest.h"

namespace espalier::store {
namespace {

// Ends a running attempt and frees or fails its cell. `counts`: the attempt uses up one of the cell's lives.
void end_attempt(ResultStore::State& state, std::int64_t cell, std::int64_t attempt, const std::string& outcome,
                 const std::string& message, bool counts, std::int64_t attempts_allowed) {
  auto& end = state.statement(
      "UPDATE attempt SET outcome = ?, message = ?, ended = ? WHERE cell_id = ? AND number = ? AND outcome = "
      "'running'");
  end.bind(1, outcome);
  end.bind(2, message);
  end.bind(3, now_seconds());
  end.bind(4, cell);
  end.bind(5, attempt);
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
// none of them is held against the cell.
void end_expired(ResultStore::State& state) {
  for (const auto& cell : running_cells(state, "lease_until < ?", std::to_string(now_seconds()))) {
    if (whereabouts(cell.worker) == Whereabouts::Alive) continue;
    end_attempt(state, cell.cell, cell.attempt, "lost", "worker " + cell.worker + " vanished: its lease ran out",
                /*counts=*/false, 0);
  }
}

// What is shown later is read as JSON, so nothing else is let in.
void check_json(const ResultStore::State& state, const char* what, const std::string& text) {
  if (text.empty() || nlohmann::json::accept(text)) return;
  throw StoreError(state.file.string() + ": an attempt's " + what + " is no JSON and is not recorded");
}

std::int64_t environment_id(ResultStore::State& state, const std::string& content) {
  auto& insert = state.statement(
      "INSERT INTO environment (digest, content) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET digest = digest "
      "RETURNING id");
  insert.bind(1, sha256_hex(content));
  insert.bind(2, content);
  insert.executeStep();
  const auto id = insert.getColumn(0).getInt64();
  insert.reset();
  return id;
}

void insert_predictions(ResultStore::State& state, const PointRecord& point) {
  if (point.predictions.empty()) return;
  std::string bits((point.predictions.size() + 7) / 8, '\0');
  bool binary = true;
  for (std::size_t i = 0; i < point.predictions.size(); ++i) {
    binary = binary && (point.predictions[i] == '0' || point.predictions[i] == '1');
    if (point.predictions[i] == '1') bits[i / 8] = static_cast<char>(bits[i / 8] | (0x80 >> (i % 8)));
  }
  const auto& kept = binary ? bits : point.predictions;
  auto& insert = state.statement(
      "INSERT INTO predictions (digest, length, encoding, outcomes) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO "
      "NOTHING");
  insert.bind(1, point.predictions_digest);
  insert.bind(2, static_cast<std::int64_t>(point.predictions.size()));
  insert.bind(3, binary ? "bits" : "bytes");
  insert.bind(4, kept.data(), static_cast<int>(kept.size()));
  insert.exec();
}

std::int64_t insert_point(ResultStore::State& state, std::int64_t attempt_id, std::int64_t number,
                          const PointRecord& point) {
  insert_predictions(state, point);
  auto& insert = state.statement(R"sql(
INSERT INTO point (attempt_id, number, step, kind, requested_sparsity, achieved_sparsity, parameters_dense,
                   parameters_masked, parameters_removed, parameters_total, multiply_adds_dense, multiply_adds_done,
                   mask_digest, split, examples, proof_passed, proof, predictions_digest, details)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id)sql");
  const auto text_or_null = [&](int place, const std::string& text) {
    if (!text.empty()) insert.bind(place, text);
  };
  insert.bind(1, attempt_id);
  insert.bind(2, number);
  insert.bind(3, point.step);
  insert.bind(4, point.kind);
  if (point.requested_sparsity) insert.bind(5, *point.requested_sparsity);
  insert.bind(6, point.achieved_sparsity);
  insert.bind(7, point.parameters_dense);
  insert.bind(8, point.parameters_masked);
  insert.bind(9, point.parameters_removed);
  insert.bind(10, point.parameters_total);
  insert.bind(11, point.multiply_adds_dense);
  insert.bind(12, point.multiply_adds_done);
  text_or_null(13, point.mask_digest);
  text_or_null(14, point.split);
  insert.bind(15, point.examples);
  if (point.proof_passed) insert.bind(16, *point.proof_passed ? 1 : 0);
  text_or_null(17, point.proof);
  text_or_null(18, point.predictions_digest);
  text_or_null(19, point.details);
  insert.executeStep();
  const auto id = insert.getColumn(0).getInt64();
  insert.reset();
  for (const auto& [name, value] : point.metrics) {
    auto& metric = state.statement("INSERT INTO metric (point_id, name, value) VALUES (?, ?, ?)");
    metric.bind(1, id);
    metric.bind(2, name);
    metric.bind(3, value);  // a value that is no number becomes NULL
    metric.exec();
  }
  for (const auto& latency : point.latency) {
    auto& row = state.statement(
        "INSERT INTO latency (point_id, batch, length, dense_milliseconds, pruned_milliseconds, repeats, ratio, "
        "ratio_low, ratio_high, verdict, threads, device) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    row.bind(1, id);
    row.bind(2, latency.batch);
    row.bind(3, latency.length);
    row.bind(4, latency.dense_milliseconds);
    row.bind(5, latency.pruned_milliseconds);
    row.bind(6, latency.repeats);
    row.bind(7, latency.ratio);
    row.bind(8, latency.ratio_low);
    row.bind(9, latency.ratio_high);
    row.bind(10, latency.verdict);
    row.bind(11, latency.threads);
    row.bind(12, latency.device);
    row.exec();
  }
  return id;
}

void insert_provenance(ResultStore::State& state, std::int64_t attempt_id, const AttemptRecord& attempt) {
  for (const auto& artifact : attempt.artifacts) {
    auto& row = state.statement("INSERT INTO artifact (attempt_id, kind, digest, path) VALUES (?, ?, ?, ?)");
    row.bind(1, attempt_id);
    row.bind(2, artifact.kind);
    row.bind(3, artifact.digest);
    row.bind(4, artifact.path);
    row.exec();
  }
  for (const auto& plugin : attempt.plugins) {
    auto& insert = state.statement(
        "INSERT INTO plugin (role, name, version, file_digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
    auto& join = state.statement(
        "INSERT INTO attempt_plugin (attempt_id, plugin_id) SELECT ?5, id FROM plugin WHERE role = ?1 AND name = ?2 "
        "AND version = ?3 AND file_digest = ?4 ON CONFLICT DO NOTHING");
    for (auto* statement : {&insert, &join}) {
      statement->bind(1, plugin.role);
      statement->bind(2, plugin.name);
      statement->bind(3, plugin.version);
      statement->bind(4, plugin.file_digest);
    }
    insert.exec();
    join.bind(5, attempt_id);
    join.exec();
  }
}

}  // namespace

std::optional<Claim> ResultStore::claim(const std::string& experiment, const std::string& worker,
                                        double lease_seconds) {
  return translated(state_->file, [&]() -> std::optional<Claim> {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    end_expired(*state_);
    auto& take = state_->statement(R"sql(
UPDATE cell SET state = 'running', worker = :worker, lease_until = :until, attempts = attempts + 1
WHERE id = (SELECT joined.cell_id FROM experiment_cell AS joined JOIN experiment ON experiment.id = joined.experiment_id
            WHERE experiment.name = :experiment AND joined.asked = 1 AND joined.state = 'waiting'
            ORDER BY joined.position LIMIT 1)
RETURNING id, key, settings, attempts)sql");
    take.bind(":worker", worker);
    take.bind(":until", now_seconds() + lease_seconds);
    take.bind(":experiment", experiment);
    std::optional<Claim> claim;
    if (take.executeStep()) {
      claim = Claim{take.getColumn(0).getInt64(), take.getColumn(1).getString(), take.getColumn(2).getString(),
                    take.getColumn(3).getInt64(), worker};
    }
    take.reset();
    if (claim) {
      auto& attempt = state_->statement("INSERT INTO attempt (cell_id, number, worker, started) VALUES (?, ?, ?, ?)");
      attempt.bind(1, claim->cell_id);
      attempt.bind(2, claim->attempt);
      attempt.bind(3, worker);
      attempt.bind(4, now_seconds());
      attempt.exec();
    }
    transaction.commit();
    return claim;
  });
}

bool ResultStore::renew(const Claim& claim, double lease_seconds) {
  return translated(state_->file, [&] {
    auto& renew = state_->statement(
        "UPDATE cell SET lease_until = ? WHERE id = ? AND worker = ? AND attempts = ? AND state = 'running'");
    renew.bind(1, now_seconds() + lease_seconds);
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

bool ResultStore::finish(const Claim& claim, const AttemptRecord& attempt) {
  check_json(*state_, "timing", attempt.timing);
  check_json(*state_, "environment", attempt.environment);
  for (const auto& point : attempt.points) {
    check_json(*state_, "proof", point.proof);
    check_json(*state_, "details", point.details);
  }
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const bool done = attempt.outcome == Outcome::Done;
    auto& finish = state_->statement(R"sql(
UPDATE cell SET state = :state, worker = NULL, lease_until = NULL, seconds = :seconds, finished = :finished, message = :message,
                attempt_id = (SELECT id FROM attempt WHERE cell_id = :cell AND number = :attempt), point_id = NULL
WHERE id = :cell AND worker = :worker AND attempts = :attempt AND state = 'running' RETURNING attempt_id)sql");
    finish.bind(":state", done ? "done" : "failed");
    finish.bind(":seconds", attempt.seconds);
    finish.bind(":finished", now_seconds());
    finish.bind(":message", attempt.message);
    finish.bind(":cell", claim.cell_id);
    finish.bind(":worker", claim.worker);
    finish.bind(":attempt", claim.attempt);
    const bool held = finish.executeStep();
    const auto attempt_id = held ? finish.getColumn(0).getInt64() : 0;
    finish.reset();
    if (!held) return false;
    const auto environment = attempt.environment.empty() ? 0 : environment_id(*state_, attempt.environment);
    auto& end = state_->statement(
        "UPDATE attempt SET outcome = ?, ended = ?, seconds = ?, message = ?, timing = ?, environment_id = ? WHERE id "
        "= ?");
    end.bind(1, done ? "done" : "failed");
    end.bind(2, now_seconds());
    end.bind(3, attempt.seconds);
    end.bind(4, attempt.message);
    if (!attempt.timing.empty()) end.bind(5, attempt.timing);
    if (environment != 0) end.bind(6, environment);
    end.bind(7, attempt_id);
    end.exec();
    std::int64_t number = 0, last = 0;
    for (const auto& point : attempt.points) last = insert_point(*state_, attempt_id, number++, point);
    insert_provenance(*state_, attempt_id, attempt);
    if (last != 0) {
      auto& link = state_->statement("UPDATE cell SET point_id = ? WHERE id = ?");
      link.bind(1, last);
      link.bind(2, claim.cell_id);
      link.exec();
    }
    transaction.commit();
    return true;
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
      if (whereabouts(cell.worker) != Whereabouts::Gone) continue;
      // Nobody watched it: it may have been killed together with its runner, so this is not held against the cell.
      end_attempt(*state_, cell.cell, cell.attempt, "lost", "worker " + cell.worker + " is gone", /*counts=*/false, 0);
    }
    transaction.commit();
  });
}

}  // namespace espalier::store
