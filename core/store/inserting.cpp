// Cells on their way in: unpacked into columns once, so that reading many stays quick.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "attempts.h"
#include "cells/fields/cell_fields.h"
#include "connection.h"
#include "order/runs.h"

namespace espalier::store {
namespace {

using nlohmann::json;

// What a member of a cell's settings says, for columns.
struct Said {
  std::optional<std::string> text;  // a text as it is, any other value as JSON; none of null
  std::string label;                // of what has a name, or is a plugin
  std::optional<std::string> family, format, plugin, kind;
  double value = 0;
};

Said said_by(std::string_view member) {
  const auto document = json::parse(member);
  const auto text_in = [&](const char* name) -> std::optional<std::string> {
    const auto found = document.find(name);
    return found != document.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
  };
  Said said;
  if (document.is_string()) said.text = document.get<std::string>();
  if (!document.is_string() && !document.is_null()) said.text = document.dump();
  if (!document.is_object()) return said;
  said.family = text_in("family"), said.format = text_in("format");
  said.plugin = text_in("plugin"), said.kind = text_in("kind");
  said.label = text_in("name").value_or("");
  if (said.label.empty()) said.label = said.plugin.value_or("");
  if (const auto value = document.find("value"); value != document.end() && value->is_number())
    said.value = value->get<double>();
  return said;
}

// Cells of a grid differ in few members, and each of these has few values: each is read once.
class SettingsInColumns {
 public:
  // Until the next cell is read. Throws StoreError for what are no settings of a cell.
  void read(const std::string& settings) {
    members_ = members(settings);
    if (has_all()) return;
    written_anew_ = json::parse(settings).dump();  // not as dump() writes it
    members_ = members(written_anew_);
    if (!has_all()) throw StoreError("a cell's settings are not whole: " + settings);
  }

  const Said& of(std::string_view name) {
    const auto member = value(name);
    const auto known = said_.find(member);
    if (known != said_.end()) return known->second;
    return said_.emplace(std::string(member), said_by(member)).first->second;
  }

  std::int64_t integer(std::string_view name) const {
    const auto text = value(name);
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size())
      throw StoreError(fmt::format("a cell's {} is {}, expected an integer", name, text));
    return number;
  }

 private:
  std::string_view value(std::string_view name) const {
    for (const auto& [key, value] : members_) {
      if (key == name) return value;
    }
    return {};
  }
  bool has_all() const {
    return std::all_of(needed.begin(), needed.end(), [&](const char* name) {
      const auto found = value(name);
      return !found.empty() && found.front() != ' ';
    });
  }

  static constexpr std::array needed = {"model",    "dataset",       "granularity", "sites",  "scorer",
                                        "searcher", "recovery",      "scope",       "budget", "schedule",
                                        "rounding", "softmax_scale", "compute",     "seed",   "base_seed"};
  std::vector<std::pair<std::string_view, std::string_view>> members_;
  std::string written_anew_;
  std::map<std::string, Said, std::less<>> said_;
};

void bind_text(SQLite::Statement& insert, const char* parameter, const std::optional<std::string>& text) {
  if (text) insert.bindNoCopy(parameter, *text);
}

void bind_cell(SQLite::Statement& insert, const NewCell& cell, SettingsInColumns& settings) {
  insert.bindNoCopy(":key", cell.key);
  insert.bindNoCopy(":settings", cell.settings);
  bind_text(insert, ":family", settings.of("model").family);
  bind_text(insert, ":format", settings.of("dataset").format);
  bind_text(insert, ":granularity", settings.of("granularity").text);
  bind_text(insert, ":sites", settings.of("sites").text);
  bind_text(insert, ":scorer", settings.of("scorer").plugin);
  bind_text(insert, ":searcher", settings.of("searcher").plugin);
  bind_text(insert, ":recovery", settings.of("recovery").plugin);
  bind_text(insert, ":scope", settings.of("scope").text);
  bind_text(insert, ":budget", settings.of("budget").kind);
  insert.bind(":requested", settings.of("budget").value);
  bind_text(insert, ":schedule", settings.of("schedule").text);
  bind_text(insert, ":rounding", settings.of("rounding").text);
  bind_text(insert, ":softmax_scale", settings.of("softmax_scale").text);
  bind_text(insert, ":compute", settings.of("compute").text);
  insert.bind(":seed", settings.integer("seed"));
  insert.bind(":base_seed", settings.integer("base_seed"));
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

constexpr const char* known_cell =
    "SELECT id, state, base_group, score_group, source_id, settings = ?2 FROM cell WHERE key = ?1";

// A cell's paths may have moved since it was inserted; what is not done yet is computed where the files are now, and shares
// work with others there.
constexpr const char* refresh_cell = "UPDATE cell SET settings = ?2, base_group = ?3, score_group = ?4 WHERE id = ?1";

// Written where it is new or differs: to run a large file once more costs a look at each cell.
constexpr const char* join_cell = R"sql(
INSERT INTO experiment_cell (experiment_id, cell_id, position, state, model, dataset, scorer, searcher, recovery, current,
                             asked, rank, base_group, score_group)
VALUES (:experiment, :cell, :position, :state, :model, :dataset, :scorer, :searcher, :recovery, 1, :asked, :rank, :base_group,
        :score_group)
ON CONFLICT (experiment_id, cell_id) DO UPDATE SET position = excluded.position, model = excluded.model,
  dataset = excluded.dataset, scorer = excluded.scorer, searcher = excluded.searcher, recovery = excluded.recovery,
  current = 1, asked = CASE WHEN :alone THEN excluded.asked ELSE max(asked, excluded.asked) END, rank = excluded.rank,
  base_group = excluded.base_group, score_group = excluded.score_group
WHERE current <> 1 OR position <> excluded.position OR rank <> excluded.rank OR model IS NOT excluded.model
   OR dataset IS NOT excluded.dataset OR scorer IS NOT excluded.scorer OR searcher IS NOT excluded.searcher
   OR recovery IS NOT excluded.recovery OR base_group <> excluded.base_group OR score_group <> excluded.score_group
   OR asked < excluded.asked OR (:alone AND asked <> excluded.asked))sql";

// What the file no longer holds, or the slice no longer asks for; of a run that others are beside, what those asked for stays.
void leave_out_all_but(ResultStore::State& state, std::int64_t experiment_id, std::vector<std::int64_t> cells,
                       bool alone) {
  std::sort(cells.begin(), cells.end());
  std::vector<std::int64_t> left_out;
  auto& joined = state.statement(
      "SELECT cell_id FROM experiment_cell WHERE experiment_id = ? AND (current = 1 OR (? AND asked = 1))");
  bind_from(joined, 1, experiment_id, std::int64_t{alone});
  while (joined.executeStep()) {
    const auto cell = joined.getColumn(0).getInt64();
    if (!std::binary_search(cells.begin(), cells.end(), cell)) left_out.push_back(cell);
  }
  joined.reset();
  auto& leave = state.statement(
      "UPDATE experiment_cell SET current = 0, asked = CASE WHEN ? THEN 0 ELSE asked END WHERE experiment_id = ? AND "
      "cell_id = ?");
  for (const auto cell : left_out) {
    bind_from(leave, 1, std::int64_t{alone}, experiment_id, cell);
    leave.exec();
    leave.reset();
  }
}

// What waits from an earlier state of the file has no results, so nothing is lost; asking for it again joins it again.
void withdraw(ResultStore::State& state, std::int64_t experiment_id) {
  auto& statement =
      state.statement("DELETE FROM experiment_cell WHERE experiment_id = ? AND state = 'waiting' AND current = 0");
  statement.bind(1, experiment_id);
  statement.exec();
}

// A cell as it stands among those that are known.
struct StandingCell {
  std::int64_t id = 0;
  std::string state = "waiting";
  WorkGroups groups;
  bool is_new = true, is_retried = false;
};

std::optional<std::int64_t> integer_in(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : std::optional(column.getInt64());
}

// Known already: where it is computed now, and beside which others. The same key has the same files behind it, so a cell that
// has no source yet may take what is known of it now.
StandingCell refreshed(ResultStore::State& state, const NewCell& cell, std::int64_t source_id, bool retry_failed) {
  auto& known = state.statement(known_cell);
  known.bindNoCopy(1, cell.key);
  known.bindNoCopy(2, cell.settings);
  known.executeStep();
  StandingCell standing{known.getColumn(0).getInt64(),
                        known.getColumn(1).getString(),
                        {integer_in(known.getColumn(2)), integer_in(known.getColumn(3))},
                        /*is_new=*/false};
  const bool has_source = !known.getColumn(4).isNull(), same_settings = known.getColumn(5).getInt() != 0;
  known.reset();
  const bool computes = standing.state == "waiting" || standing.state == "failed";
  const bool same_groups = standing.groups.base == cell.groups.base && standing.groups.scores == cell.groups.scores;
  if (computes && !(same_settings && same_groups)) {
    auto& refresh = state.statement(refresh_cell);
    refresh.bind(1, standing.id);
    refresh.bindNoCopy(2, cell.settings);
    if (cell.groups.base) refresh.bind(3, *cell.groups.base);
    if (cell.groups.scores) refresh.bind(4, *cell.groups.scores);
    refresh.exec();
    standing.groups = cell.groups;
  }
  if (source_id != 0 && !has_source) {
    auto& source = state.statement("UPDATE cell SET source_id = ? WHERE id = ?");
    bind_from(source, 1, source_id, standing.id);
    source.exec();
  }
  if (retry_failed && cell.asked && standing.state == "failed") {
    auto& retry =
        state.statement("UPDATE cell SET state = 'waiting', lost = 0, batch_halvings = 0, message = '' WHERE id = ?");
    retry.bind(1, standing.id);
    retry.exec();
    standing.state = "waiting";
    standing.is_retried = true;
  }
  return standing;
}

StandingCell inserted_or_known(ResultStore::State& state, const NewCell& cell, SettingsInColumns& settings,
                               std::int64_t source_id, bool retry_failed) {
  auto& insert = state.statement(insert_cell);
  bind_cell(insert, cell, settings);
  if (source_id != 0) insert.bind(":source", source_id);
  if (insert.exec() == 0) return refreshed(state, cell, source_id, retry_failed);
  return {state.database->getLastInsertRowid(), "waiting", cell.groups, true};
}

void join(ResultStore::State& state, std::int64_t experiment_id, std::int64_t position, const NewCell& cell,
          const StandingCell& standing, SettingsInColumns& settings, bool alone) {
  auto& join = state.statement(join_cell);
  join.bind(":experiment", experiment_id);
  join.bind(":cell", standing.id);
  join.bind(":position", position);
  join.bindNoCopy(":state", standing.state);
  for (const auto& [parameter, member] :
       {std::pair(":model", "model"), std::pair(":dataset", "dataset"), std::pair(":scorer", "scorer"),
        std::pair(":searcher", "searcher"), std::pair(":recovery", "recovery")})
    join.bindNoCopy(parameter, settings.of(member).label);
  join.bind(":asked", cell.asked ? 1 : 0);
  join.bind(":alone", alone ? 1 : 0);
  join.bind(":rank", cell.rank);
  join.bind(":base_group", standing.groups.base.value_or(0));
  join.bind(":score_group", standing.groups.scores.value_or(0));
  join.exec();
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

Inserted ResultStore::insert(const ExperimentRecord& experiment, const std::vector<NewCell>& cells, bool retry_failed) {
  auto cell = cells.begin();
  return insert_each(
      experiment, [&] { return cell == cells.end() ? nullptr : &*cell++; }, retry_failed);
}

Inserted ResultStore::insert_each(const ExperimentRecord& experiment, const std::function<const NewCell*()>& next,
                                  bool retry_failed) {
  return translated(state_->file, [&] {
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const auto experiment_id = register_experiment(*state_, experiment);
    const bool alone = !others_are_at_work(*state_, experiment_id, experiment.run);
    register_run(*state_, experiment_id, experiment.run);
    std::map<std::string, std::int64_t> sources;
    SettingsInColumns settings;
    std::vector<std::int64_t> ids;
    Inserted inserted;
    while (const auto* given = next()) {
      const auto& cell = *given;
      settings.read(cell.settings);
      const auto [source, is_first] = sources.try_emplace(cell.source, 0);
      if (is_first && !cell.source.empty()) source->second = id_of_content(*state_, "source", cell.source);
      const auto standing = inserted_or_known(*state_, cell, settings, source->second, retry_failed);
      inserted.added += standing.is_new ? 1 : 0;
      inserted.retried += standing.is_retried ? 1 : 0;
      join(*state_, experiment_id, std::ssize(ids), cell, standing, settings, alone);
      ids.push_back(standing.id);
    }
    leave_out_all_but(*state_, experiment_id, std::move(ids), alone);
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
