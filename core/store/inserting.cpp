// Cells on their way in: unpacked into columns once, so that reading many stays quick.
#include <nlohmann/json.hpp>

#include "attempts.h"
#include "connection.h"
#include "order/runs.h"

namespace espalier::store {
namespace {

using nlohmann::json;

std::string label_of(const json& entry) {
  const auto name = entry.value("name", std::string());
  return name.empty() ? entry.value("plugin", std::string()) : name;
}

void bind_cell(SQLite::Statement& insert, const NewCell& cell, const json& settings) {
  const auto text = [&](const char* parameter, const json& value) {
    if (value.is_string())
      insert.bind(parameter, value.get<std::string>());
    else if (!value.is_null())
      insert.bind(parameter, value.dump());
  };
  insert.bind(":key", cell.key);
  insert.bind(":settings", cell.settings);
  text(":family", settings.at("model").at("family"));
  text(":format", settings.at("dataset").at("format"));
  text(":granularity", settings.at("granularity"));
  text(":sites", settings.at("sites"));
  text(":scorer", settings.at("scorer").at("plugin"));
  text(":searcher", settings.at("searcher").at("plugin"));
  text(":recovery", settings.at("recovery").at("plugin"));
  text(":scope", settings.at("scope"));
  text(":budget", settings.at("budget").at("kind"));
  insert.bind(":requested", settings.at("budget").at("value").get<double>());
  text(":schedule", settings.at("schedule"));
  text(":rounding", settings.at("rounding"));
  text(":softmax_scale", settings.at("softmax_scale"));
  text(":compute", settings.at("compute"));
  insert.bind(":seed", settings.at("seed").get<std::int64_t>());
  insert.bind(":base_seed", settings.at("base_seed").get<std::int64_t>());
  if (cell.groups.base) insert.bind(":base_group", *cell.groups.base);
  if (cell.groups.scores) insert.bind(":score_group", *cell.groups.scores);
}

constexpr const char* insert_cell = R"sql(
INSERT INTO cell (key, family, format, granularity, sites, scorer_plugin, searcher_plugin, recovery_plugin, scope, budget,
                  requested, schedule, rounding, softmax_scale, compute, seed, base_seed, settings, base_group, score_group, source_id)
VALUES (:key, :family, :format, :granularity, :sites, :scorer, :searcher, :recovery, :scope, :budget,
        :requested, :schedule, :rounding, :softmax_scale, :compute,
        :seed, :base_seed, :settings, :base_group, :score_group, :source)
ON CONFLICT (key) DO NOTHING)sql";

// A cell's paths may have moved since it was inserted; what is not done yet is computed where the files are now, and shares
// work with others there.
constexpr const char* refresh_settings =
    "UPDATE cell SET settings = :settings WHERE key = :key AND state IN ('waiting', 'failed') AND settings <> "
    ":settings";

constexpr const char* regroup =
    "UPDATE cell SET base_group = :base_group, score_group = :score_group WHERE key = :key AND state IN ('waiting', "
    "'failed') AND (base_group IS NOT :base_group OR score_group IS NOT :score_group)";

constexpr const char* join_cell = R"sql(
INSERT INTO experiment_cell (experiment_id, cell_id, position, state, model, dataset, scorer, searcher, recovery, current,
                             asked, rank, base_group, score_group)
SELECT :experiment, id, :position, state, :model, :dataset, :scorer, :searcher, :recovery, 1, :asked, :rank,
       coalesce(base_group, 0), coalesce(score_group, 0)
FROM cell WHERE key = :key
ON CONFLICT (experiment_id, cell_id) DO UPDATE SET position = excluded.position, model = excluded.model,
  dataset = excluded.dataset, scorer = excluded.scorer, searcher = excluded.searcher, recovery = excluded.recovery,
  current = 1, asked = max(asked, excluded.asked), rank = excluded.rank, base_group = excluded.base_group,
  score_group = excluded.score_group)sql";

void start_anew(ResultStore::State& state, std::int64_t experiment_id, bool alone) {
  auto& forget = state.statement("UPDATE experiment_cell SET current = 0 WHERE experiment_id = ?");
  forget.bind(1, experiment_id);
  forget.exec();
  if (!alone) return;
  auto& unask = state.statement("UPDATE experiment_cell SET asked = 0 WHERE experiment_id = ?");
  unask.bind(1, experiment_id);
  unask.exec();
}

// What waits from an earlier state of the file has no results, so nothing is lost; asking for it again joins it again.
void withdraw(ResultStore::State& state, std::int64_t experiment_id) {
  auto& statement =
      state.statement("DELETE FROM experiment_cell WHERE experiment_id = ? AND state = 'waiting' AND current = 0");
  statement.bind(1, experiment_id);
  statement.exec();
}

// A cell that is known already: where it is computed now, and beside which others.
void refresh(ResultStore::State& state, const NewCell& cell) {
  auto& settings = state.statement(refresh_settings);
  settings.bind(":key", cell.key);
  settings.bind(":settings", cell.settings);
  settings.exec();
  auto& groups = state.statement(regroup);
  groups.bind(":key", cell.key);
  if (cell.groups.base) groups.bind(":base_group", *cell.groups.base);
  if (cell.groups.scores) groups.bind(":score_group", *cell.groups.scores);
  groups.exec();
}

// The same key has the same files behind it, so a cell that has no source yet may take what is known of it now.
void set_source(ResultStore::State& state, const std::string& key, std::int64_t source_id) {
  auto& statement = state.statement("UPDATE cell SET source_id = ? WHERE key = ? AND source_id IS NULL");
  statement.bind(1, source_id);
  statement.bind(2, key);
  statement.exec();
}

std::int64_t register_experiment(ResultStore::State& state, const ExperimentRecord& experiment) {
  auto& insert = state.statement(R"sql(
INSERT INTO experiment (name, question, file, file_digest, created) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET question = excluded.question, file = excluded.file, file_digest = excluded.file_digest
RETURNING id)sql");
  insert.bind(1, experiment.name);
  insert.bind(2, experiment.question);
  insert.bind(3, experiment.file);
  insert.bind(4, experiment.file_digest);
  insert.bind(5, state.now());
  insert.executeStep();
  const auto id = insert.getColumn(0).getInt64();
  insert.reset();
  return id;
}

}  // namespace

std::int64_t ResultStore::insert(const ExperimentRecord& experiment, const std::vector<NewCell>& cells,
                                 bool retry_failed) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto experiment_id = register_experiment(*state_, experiment);
    const bool alone = !others_are_at_work(*state_, experiment_id, experiment.run);
    register_run(*state_, experiment_id, experiment.run);
    start_anew(*state_, experiment_id, alone);
    std::map<std::string, std::int64_t> sources;
    std::int64_t inserted = 0, position = 0;
    for (const auto& cell : cells) {
      const auto settings = json::parse(cell.settings);
      auto& insert = state_->statement(insert_cell);
      bind_cell(insert, cell, settings);
      const auto [source, is_first] = sources.try_emplace(cell.source, 0);
      if (is_first && !cell.source.empty()) source->second = id_of_content(*state_, "source", cell.source);
      if (source->second != 0) insert.bind(":source", source->second);
      const bool is_new = insert.exec() > 0;
      inserted += is_new ? 1 : 0;
      if (!is_new) {
        refresh(*state_, cell);
        if (source->second != 0) set_source(*state_, cell.key, source->second);
      }
      if (!is_new && retry_failed && cell.asked) {
        auto& retry = state_->statement(
            "UPDATE cell SET state = 'waiting', lost = 0, batch_halvings = 0, message = '' WHERE key = ? AND state = "
            "'failed'");
        retry.bind(1, cell.key);
        retry.exec();
      }
      auto& join = state_->statement(join_cell);
      join.bind(":experiment", experiment_id);
      join.bind(":position", position++);
      join.bind(":key", cell.key);
      join.bind(":model", label_of(settings.at("model")));
      join.bind(":dataset", label_of(settings.at("dataset")));
      join.bind(":scorer", label_of(settings.at("scorer")));
      join.bind(":searcher", label_of(settings.at("searcher")));
      join.bind(":recovery", label_of(settings.at("recovery")));
      join.bind(":asked", cell.asked ? 1 : 0);
      join.bind(":rank", cell.rank);
      join.exec();
    }
    if (alone) withdraw(*state_, experiment_id);
    transaction.commit();
    return inserted;
  });
}

void ResultStore::let_wait_again(const std::vector<std::string>& keys) {
  translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& key : keys) {
      auto& wait = state_->statement(
          "UPDATE cell SET state = 'waiting', lost = 0, batch_halvings = 0, message = '' WHERE key = ? AND state = "
          "'done'");
      wait.bind(1, key);
      wait.exec();
    }
    transaction.commit();
  });
}

}  // namespace espalier::store
