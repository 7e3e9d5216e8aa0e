// Taking out what no experiment asks for any more.
#include "connection.h"
#include "order/runs.h"

namespace espalier::store {
namespace {

// The rows of experiment_cell that are of no present experiment file, into a table of this connection.
void find_stale(ResultStore::State& state, const std::string& experiment, const std::vector<std::string>* keys) {
  auto& database = *state.database;
  database.exec("CREATE TEMP TABLE IF NOT EXISTS present (key TEXT PRIMARY KEY)");
  database.exec("CREATE TEMP TABLE IF NOT EXISTS stale (experiment_id INTEGER, cell_id INTEGER)");
  database.exec("DELETE FROM temp.present");
  database.exec("DELETE FROM temp.stale");
  if (keys == nullptr) {
    auto& fill = state.statement(
        "INSERT INTO temp.stale SELECT experiment_id, cell_id FROM experiment_cell WHERE current = 0 AND (?1 = '' OR "
        "experiment_id = (SELECT id FROM experiment WHERE name = ?1))");
    fill.bind(1, experiment);
    fill.exec();
    return;
  }
  for (const auto& key : *keys) {
    auto& add = state.statement("INSERT OR IGNORE INTO temp.present VALUES (?)");
    add.bind(1, key);
    add.exec();
  }
  auto& fill = state.statement(
      "INSERT INTO temp.stale SELECT joined.experiment_id, joined.cell_id FROM experiment_cell AS joined JOIN cell ON "
      "cell.id = joined.cell_id WHERE joined.experiment_id = (SELECT id FROM experiment WHERE name = ?) AND cell.key "
      "NOT "
      "IN (SELECT key FROM temp.present)");
  fill.bind(1, experiment);
  fill.exec();
}

// Cells that no experiment would hold any more, those that none holds already among them.
const std::string abandoned = R"sql(
SELECT cell.id FROM cell WHERE NOT EXISTS (
  SELECT 1 FROM experiment_cell AS joined WHERE joined.cell_id = cell.id AND NOT EXISTS (
    SELECT 1 FROM temp.stale WHERE stale.cell_id = joined.cell_id AND stale.experiment_id = joined.experiment_id)))sql";

void refuse_while_at_work(ResultStore::State& state) {
  const auto running = state.database->execAndGet("SELECT count(*) FROM cell WHERE state = 'running'").getInt64();
  if (running == 0 && runs_at_work(state, 0).empty()) return;
  throw StoreError(state.file.string() + ": a run is at work on it (" + std::to_string(running) +
                   (running == 1 ? " cell is" : " cells are") +
                   " computed), and nothing is removed meanwhile\n    end it, or wait for it");
}

void remove_abandoned_cells(SQLite::Database& database) {
  const auto of = [](const std::string& points) { return "(SELECT id FROM point WHERE attempt_id IN " + points + ")"; };
  const std::string attempts = "(SELECT id FROM attempt WHERE cell_id IN (SELECT id FROM temp.abandoned))";
  for (const auto& sql :
       {"DELETE FROM experiment_cell WHERE (experiment_id, cell_id) IN (SELECT experiment_id, cell_id FROM "
        "temp.stale)" +
            std::string(),
        std::string("UPDATE cell SET attempt_id = NULL, point_id = NULL WHERE id IN (SELECT id FROM temp.abandoned)"),
        "DELETE FROM metric WHERE point_id IN " + of(attempts), "DELETE FROM latency WHERE point_id IN " + of(attempts),
        "DELETE FROM point_numbers WHERE point_id IN " + of(attempts),
        "DELETE FROM point WHERE attempt_id IN " + attempts, "DELETE FROM artifact WHERE attempt_id IN " + attempts,
        "DELETE FROM attempt_plugin WHERE attempt_id IN " + attempts,
        std::string("DELETE FROM attempt WHERE cell_id IN (SELECT id FROM temp.abandoned)"),
        std::string("DELETE FROM cell WHERE id IN (SELECT id FROM temp.abandoned)"),
        // What only they pointed at.
        std::string("DELETE FROM predictions WHERE digest NOT IN (SELECT predictions_digest FROM point WHERE "
                    "predictions_digest IS NOT NULL)"),
        std::string("DELETE FROM numbers WHERE digest NOT IN (SELECT digest FROM point_numbers)"),
        std::string(
            "DELETE FROM environment WHERE id NOT IN (SELECT environment_id FROM attempt WHERE environment_id IS "
            "NOT NULL)"),
        std::string("DELETE FROM plugin WHERE id NOT IN (SELECT plugin_id FROM attempt_plugin)"),
        std::string("DELETE FROM source WHERE id NOT IN (SELECT source_id FROM cell WHERE source_id IS NOT NULL)")}) {
    database.exec(sql);
  }
}

}  // namespace

Rows ResultStore::stale_cells(const std::string& experiment, const std::vector<std::string>* keys) const {
  return translated(state_->file, [&] {
    find_stale(*state_, experiment, keys);
    auto& select = state_->statement(
        "SELECT key, state, coalesce(seconds, 0) AS seconds, attempts, settings FROM cell WHERE id IN (" + abandoned +
        ") ORDER BY id");
    Rows rows{{"key", "state", "seconds", "attempts", "settings"}, {}};
    while (select.executeStep()) {
      rows.rows.push_back({{Value::Kind::Text, 0, 0, select.getColumn(0).getString()},
                           {Value::Kind::Text, 0, 0, select.getColumn(1).getString()},
                           {Value::Kind::Real, 0, select.getColumn(2).getDouble(), {}},
                           {Value::Kind::Integer, select.getColumn(3).getInt64(), 0, {}},
                           {Value::Kind::Text, 0, 0, select.getColumn(4).getString()}});
    }
    select.reset();
    return rows;
  });
}

std::int64_t ResultStore::remove_stale(const std::string& experiment, const std::vector<std::string>* keys) {
  return translated(state_->file, [&] {
    std::int64_t removed = 0;
    {
      SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
      refuse_while_at_work(*state_);
      find_stale(*state_, experiment, keys);
      state_->database->exec("DROP TABLE IF EXISTS temp.abandoned");
      state_->database->exec("CREATE TEMP TABLE abandoned AS " + abandoned);
      removed = state_->database->execAndGet("SELECT count(*) FROM temp.abandoned").getInt64();
      remove_abandoned_cells(*state_->database);
      transaction.commit();
    }
    state_->statements.clear();
    state_->database->exec("VACUUM");
    state_->database->execAndGet("PRAGMA wal_checkpoint(TRUNCATE)");
    return removed;
  });
}

std::vector<Artifact> ResultStore::artifacts() const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT DISTINCT kind, digest, path FROM artifact ORDER BY 1, 2, 3");
    std::vector<Artifact> artifacts;
    while (select.executeStep()) {
      artifacts.push_back(
          {select.getColumn(0).getString(), select.getColumn(1).getString(), select.getColumn(2).getString()});
    }
    return artifacts;
  });
}

std::vector<NewCell> ResultStore::current_cells(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(
        "SELECT cell.key, cell.settings FROM experiment_cell AS joined JOIN cell ON cell.id = joined.cell_id WHERE "
        "joined.current = 1 AND joined.experiment_id = (SELECT id FROM experiment WHERE name = ?) ORDER BY "
        "joined.position");
    select.bind(1, experiment);
    std::vector<NewCell> cells;
    while (select.executeStep()) cells.push_back({select.getColumn(0).getString(), select.getColumn(1).getString()});
    return cells;
  });
}

}  // namespace espalier::store
