#include "copying.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier::store {

std::string columns_of(ResultStore::State& state, const std::string& table,
                       std::initializer_list<std::string_view> left_out, const std::string& prefix) {
  auto& select = state.statement("SELECT name FROM pragma_table_info(?, 'main')");
  select.bind(1, table);
  std::string columns;
  while (select.executeStep()) {
    const auto name = select.getColumn(0).getString();
    if (std::find(left_out.begin(), left_out.end(), name) != left_out.end()) continue;
    columns += fmt::format("{}{}{}", columns.empty() ? "" : ", ", prefix, name);
  }
  select.reset();
  return columns;
}

void execute(ResultStore::State& state, const std::string& sql) { state.statement(sql).exec(); }

void forget_wanted(ResultStore::State& state) {
  auto& database = *state.database;
  database.exec("CREATE TEMP TABLE IF NOT EXISTS wanted (id INTEGER PRIMARY KEY)");
  database.exec("CREATE TEMP TABLE IF NOT EXISTS cell_map (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)");
  database.exec("DELETE FROM temp.wanted");
  database.exec("DELETE FROM temp.cell_map");
}

void copy_cells(ResultStore::State& state) {
  const auto experiment = columns_of(state, "experiment", {"id"});
  execute(state, fmt::format("INSERT INTO main.experiment ({0}) SELECT {0} FROM theirs.experiment WHERE true "
                             "ON CONFLICT (name) DO NOTHING",
                             experiment));
  execute(state,
          "INSERT INTO main.source (digest, content) SELECT digest, content FROM theirs.source WHERE true "
          "ON CONFLICT (digest) DO NOTHING");
  // What a cell came to is not copied with it: attempts bring it.
  const auto cell = columns_of(state, "cell",
                               {"id", "state", "attempts", "lost", "worker", "lease_until", "attempt_id", "point_id",
                                "seconds", "finished", "message", "source_id"});
  execute(state, fmt::format(R"sql(
INSERT INTO main.cell (source_id, {0})
SELECT (SELECT source.id FROM theirs.source AS source_there JOIN main.source ON source.digest = source_there.digest
        WHERE source_there.id = source_id), {0}
FROM theirs.cell WHERE id IN (SELECT id FROM temp.wanted) ORDER BY id ON CONFLICT (key) DO NOTHING)sql",
                             cell));
  execute(state, R"sql(
INSERT INTO temp.cell_map SELECT there.id, here.id FROM temp.wanted JOIN theirs.cell AS there ON there.id = wanted.id
JOIN main.cell AS here ON here.key = there.key)sql");
  // Of a file that has changed since, they are of its earlier state here.
  execute(state, fmt::format(R"sql(
INSERT INTO main.experiment_cell (experiment_id, cell_id, state, current, {0})
SELECT here.id, map.ours, (SELECT state FROM main.cell WHERE id = map.ours),
       joined.current AND here.file_digest = there.file_digest, {1}
FROM theirs.experiment_cell AS joined JOIN temp.cell_map AS map ON map.theirs = joined.cell_id
JOIN theirs.experiment AS there ON there.id = joined.experiment_id
JOIN main.experiment AS here ON here.name = there.name
WHERE true ON CONFLICT (experiment_id, cell_id) DO NOTHING)sql",
                             columns_of(state, "experiment_cell", {"experiment_id", "cell_id", "state", "current"}),
                             columns_of(state, "experiment_cell", {"experiment_id", "cell_id", "state", "current"},
                                        "joined.")));
}

}  // namespace espalier::store
