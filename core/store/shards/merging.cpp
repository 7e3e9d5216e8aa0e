// A shard on its way into a database: cells that are not known, attempts that have ended and are not here, and what the
// cells came to. Everything of one shard in one transaction.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "content.h"
#include "copying.h"
#include "store/shards/shard.h"
#include "words/digest.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_differences = 3;

// Attempts that a run holds the cell of: unless the shard has it done they wait, for the number of the running attempt is
// the cell's claim.
constexpr const char* is_held = "(here.state = 'running' AND there.state <> 'done')";

constexpr const char* ended_attempts = R"sql(
FROM theirs.attempt AS attempt_there JOIN temp.cell_map AS map ON map.theirs = attempt_there.cell_id
JOIN theirs.cell AS there ON there.id = attempt_there.cell_id JOIN main.cell AS here ON here.id = map.ours
WHERE attempt_there.outcome <> 'running'
  AND NOT EXISTS (SELECT 1 FROM main.attempt WHERE attempt.cell_id = map.ours AND attempt.worker = attempt_there.worker
                  AND attempt.started = attempt_there.started) AND )sql";

// An attempt is known by its cell, its worker and when it began; its number is new here.
void map_attempts(ResultStore::State& state, BroughtHome& home) {
  auto& database = *state.database;
  database.exec(
      "CREATE TEMP TABLE IF NOT EXISTS attempt_map (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL, number "
      "INTEGER)");
  database.exec("CREATE TEMP TABLE IF NOT EXISTS point_map (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)");
  database.exec("DELETE FROM temp.attempt_map");
  database.exec("DELETE FROM temp.point_map");
  home.held = database.execAndGet(fmt::format("SELECT count(*) {}{}", ended_attempts, is_held)).getInt64();
  execute(state, fmt::format(R"sql(
INSERT INTO temp.attempt_map
SELECT attempt_there.id,
       (SELECT coalesce(max(id), 0) FROM main.attempt) + row_number() OVER (ORDER BY attempt_there.id),
       (SELECT coalesce(max(number), 0) FROM main.attempt WHERE cell_id = map.ours)
         + row_number() OVER (PARTITION BY attempt_there.cell_id ORDER BY attempt_there.number)
{}NOT {})sql",
                             ended_attempts, is_held));
  home.attempts = database.execAndGet("SELECT count(*) FROM temp.attempt_map").getInt64();
  execute(state, R"sql(
INSERT INTO temp.point_map
SELECT point_there.id, (SELECT coalesce(max(id), 0) FROM main.point) + row_number() OVER (ORDER BY point_there.id)
FROM temp.attempt_map AS map JOIN theirs.point AS point_there ON point_there.attempt_id = map.theirs)sql");
}

// The rows of a table that belong to a mapped row, with a number of their own where they have one.
void copy_of(ResultStore::State& state, const std::string& table, const std::string& owner, const std::string& map) {
  execute(state,
          fmt::format("INSERT INTO main.{0} ({1}, {2}) SELECT map.ours, {3} FROM temp.{4} AS map JOIN theirs.{0} "
                      "AS there ON there.{1} = map.theirs ORDER BY map.ours",
                      table, owner, columns_of(state, table, {"id", owner}),
                      columns_of(state, table, {"id", owner}, "there."), map));
}

void copy_attempts(ResultStore::State& state) {
  execute(state,
          "INSERT INTO main.environment (digest, content) SELECT digest, content FROM theirs.environment WHERE true "
          "ON CONFLICT (digest) DO NOTHING");
  const auto left_out = {std::string_view("id"), std::string_view("cell_id"), std::string_view("number"),
                         std::string_view("environment_id")};
  execute(state, fmt::format(R"sql(
INSERT INTO main.attempt (id, cell_id, number, environment_id, {})
SELECT map.ours, (SELECT ours FROM temp.cell_map WHERE theirs = there.cell_id), map.number,
       (SELECT environment.id FROM theirs.environment AS environment_there
        JOIN main.environment ON environment.digest = environment_there.digest
        WHERE environment_there.id = there.environment_id), {}
FROM temp.attempt_map AS map JOIN theirs.attempt AS there ON there.id = map.theirs)sql",
                             columns_of(state, "attempt", left_out), columns_of(state, "attempt", left_out, "there.")));
  execute(state, fmt::format(R"sql(
INSERT INTO main.point (id, attempt_id, {})
SELECT map.ours, (SELECT ours FROM temp.attempt_map WHERE theirs = there.attempt_id), {}
FROM temp.point_map AS map JOIN theirs.point AS there ON there.id = map.theirs)sql",
                             columns_of(state, "point", {"id", "attempt_id"}),
                             columns_of(state, "point", {"id", "attempt_id"}, "there.")));
  copy_of(state, "metric", "point_id", "point_map");
  copy_of(state, "latency", "point_id", "point_map");
  copy_of(state, "artifact", "attempt_id", "attempt_map");
  copy_of(state, "point_numbers", "point_id", "point_map");
  for (const auto* by_digest : {"predictions", "numbers"}) {
    execute(state, fmt::format("INSERT INTO main.{0} ({1}) SELECT {1} FROM theirs.{0} WHERE true "
                               "ON CONFLICT (digest) DO NOTHING",
                               by_digest, columns_of(state, by_digest, {})));
  }
  const auto plugin = columns_of(state, "plugin", {"id"});
  execute(state, fmt::format("INSERT INTO main.plugin ({0}) SELECT {0} FROM theirs.plugin WHERE true "
                             "ON CONFLICT DO NOTHING",
                             plugin));
  execute(state, R"sql(
INSERT INTO main.attempt_plugin (attempt_id, plugin_id)
SELECT map.ours, here.id FROM temp.attempt_map AS map
JOIN theirs.attempt_plugin AS joined ON joined.attempt_id = map.theirs
JOIN theirs.plugin AS there ON there.id = joined.plugin_id
JOIN main.plugin AS here ON here.role = there.role AND here.name = there.name AND here.version = there.version
                        AND here.file_digest = there.file_digest)sql");
}

using Results = std::map<std::string, std::string>;  // by what they are

// What an attempt came to, without times: what two computations of one cell should agree about.
Results results_of(ResultStore::State& state, const std::string& schema, std::int64_t attempt) {
  auto& select = state.statement(fmt::format(
      "SELECT point.number, point.kind, point.step, point.achieved_sparsity, point.parameters_removed, "
      "point.mask_digest, point.predictions_digest, metric.name, metric.value FROM {0}.point LEFT JOIN {0}.metric ON "
      "metric.point_id = point.id WHERE point.attempt_id = ?",
      schema));
  select.bind(1, attempt);
  Results results;
  while (select.executeStep()) {
    std::int64_t number = 0, step = 0, removed = 0;
    std::string kind, mask, predictions, metric;
    std::optional<double> achieved, value;
    read_row(select, number, kind, step, achieved, removed, mask, predictions, metric, value);
    const auto of = fmt::format("{}, step {}, ", kind, step);
    results[fmt::format("{}achieved sparsity", of)] = achieved ? fmt::format("{}", *achieved) : "none";
    results[fmt::format("{}parameters removed", of)] = fmt::format("{}", removed);
    results[fmt::format("{}mask", of)] = mask;
    results[fmt::format("{}predictions", of)] = predictions;
    if (!metric.empty()) results[of + metric] = value ? fmt::format("{}", *value) : "not a number";
  }
  select.reset();
  return results;
}

std::string digest_of(const Results& results) {
  Sha256 digest;
  for (const auto& [what, value] : results) digest.update(fmt::format("{}={}\n", what, value));
  return digest.hex();
}

std::vector<std::string> differences(const Results& here, const Results& there) {
  auto all = here;
  all.insert(there.begin(), there.end());
  std::vector<std::string> lines;
  for (const auto& [what, unused] : all) {
    const auto mine = here.find(what), other = there.find(what);
    const std::string first = mine == here.end() ? "absent" : mine->second;
    const std::string second = other == there.end() ? "absent" : other->second;
    if (first != second) lines.push_back(fmt::format("{}: {} here, {} there", what, first, second));
  }
  if (lines.size() > most_differences) {
    const auto more = lines.size() - most_differences;
    lines.resize(most_differences);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

std::vector<Disagreement> find_disagreements(ResultStore::State& state) {
  struct Twice {
    std::string key;
    std::int64_t here = 0, there = 0;
  };
  std::vector<Twice> cells;
  auto& select = state.statement(R"sql(
SELECT here.key, here.attempt_id, there.attempt_id FROM temp.attempt_map AS map
JOIN theirs.attempt AS attempt_there ON attempt_there.id = map.theirs
JOIN theirs.cell AS there ON there.id = attempt_there.cell_id AND there.attempt_id = map.theirs
JOIN temp.cell_map AS cells ON cells.theirs = there.id JOIN main.cell AS here ON here.id = cells.ours
WHERE here.state = 'done' AND there.state = 'done')sql");
  while (select.executeStep()) {
    auto& cell = cells.emplace_back();
    read_row(select, cell.key, cell.here, cell.there);
  }
  select.reset();
  std::vector<Disagreement> found;
  for (const auto& cell : cells) {
    const auto here = results_of(state, "main", cell.here), there = results_of(state, "theirs", cell.there);
    if (here != there) found.push_back({cell.key, digest_of(here), digest_of(there), differences(here, there)});
  }
  return found;
}

// A cell that is done in the shard becomes so here, whoever computes it; a failure counts where nobody does.
constexpr const char* becomes =
    "(there.state = 'done' AND cell.state <> 'done' OR there.state = 'failed' AND cell.state IN ('waiting', 'failed'))";

std::int64_t becoming(ResultStore::State& state, const std::string& outcome) {
  return state.database
      ->execAndGet(fmt::format("SELECT count(*) FROM theirs.cell AS there JOIN temp.cell_map AS map ON map.theirs = "
                               "there.id JOIN main.cell ON cell.id = map.ours WHERE there.state = '{}' AND {} AND "
                               "there.attempt_id IN (SELECT theirs FROM temp.attempt_map)",
                               outcome, becomes))
      .getInt64();
}

void finish_cells(ResultStore::State& state, BroughtHome& home) {
  home.done = becoming(state, "done");
  home.failed = becoming(state, "failed");
  auto& overtaken = state.statement(R"sql(
UPDATE main.attempt SET outcome = 'lost', ended = ?, message = 'the cell came home in a shard meanwhile'
WHERE outcome = 'running' AND cell_id IN (
  SELECT map.ours FROM temp.cell_map AS map JOIN theirs.cell AS there ON there.id = map.theirs
  JOIN main.cell AS here ON here.id = map.ours WHERE here.state = 'running' AND there.state = 'done'
    AND there.attempt_id IN (SELECT theirs FROM temp.attempt_map)))sql");
  overtaken.bind(1, state.now());
  overtaken.exec();
  execute(state, fmt::format(R"sql(
UPDATE main.cell SET state = there.state, worker = NULL, lease_until = NULL, seconds = there.seconds,
  finished = there.finished, message = there.message, lost = max(cell.lost, there.lost), attempt_id = attempts.ours,
  point_id = (SELECT ours FROM temp.point_map WHERE theirs = there.point_id)
FROM temp.cell_map AS map JOIN theirs.cell AS there ON there.id = map.theirs
JOIN temp.attempt_map AS attempts ON attempts.theirs = there.attempt_id
WHERE cell.id = map.ours AND {})sql",
                             becomes));
  execute(state, R"sql(
UPDATE main.cell SET attempts = (SELECT max(number) FROM main.attempt WHERE attempt.cell_id = cell.id)
WHERE state <> 'running' AND id IN (
  SELECT map.ours FROM temp.attempt_map AS attempts JOIN theirs.attempt AS there ON there.id = attempts.theirs
  JOIN temp.cell_map AS map ON map.theirs = there.cell_id))sql");
}

bool is_known(ResultStore::State& state, const std::string& digest) {
  auto& known = state.statement("SELECT 1 FROM main.shard WHERE digest = ?");
  known.bind(1, digest);
  const bool found = known.executeStep();
  known.reset();
  return found;
}

void remember(ResultStore::State& state, const fs::path& file, const BroughtHome& home) {
  auto& insert = state.statement("INSERT INTO main.shard (digest, file, merged, attempts) VALUES (?, ?, ?, ?)");
  bind_from(insert, 1, home.digest, file.filename().string(), state.now(), home.attempts);
  insert.exec();
}

}  // namespace

ShardMerge::ShardMerge(const fs::path& database) : state_(std::make_unique<ResultStore::State>()) {
  state_->file = database;
  state_->database = open_database(database, Mode::Create);
}
ShardMerge::~ShardMerge() { state_->statements.clear(); }

BroughtHome ShardMerge::add(const fs::path& shard) {
  auto content = read_shard(shard);
  BroughtHome home;
  home.digest = content.digest;
  home.known = is_known(*state_, home.digest);
  if (home.known) return home;
  check(content, shard);
  const auto bring = [&] {
    const Attached attached(*state_, content.bytes);
    SQLite::Transaction transaction(*state_->database, SQLite::TransactionBehavior::IMMEDIATE);
    forget_wanted(*state_);
    execute(*state_, "INSERT INTO temp.wanted SELECT id FROM theirs.cell");
    copy_cells(*state_);
    map_attempts(*state_, home);
    copy_attempts(*state_);
    home.disagreements = find_disagreements(*state_);
    finish_cells(*state_, home);
    if (home.held == 0) remember(*state_, shard, home);
    transaction.commit();
  };
  try {
    bring();
  } catch (const SQLite::Exception& error) {
    // What the shard holds breaks a rule of the schema: it is the shard that is wrong, and not the database.
    if ((error.getErrorCode() & 0xFF) == 19)
      throw StoreError(
          fmt::format("{}: does not hold together ({}), so nothing of it was taken", shard.string(), error.what()));
    throw_translated(state_->file, error);
  }
  return home;
}

}  // namespace espalier::store
