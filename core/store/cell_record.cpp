#include "store/cell_record.h"

#include <espalier/error.h>

#include "connection.h"
#include "words/printable.h"

namespace espalier::store {
namespace {

using Json = nlohmann::json;

// What a column's text says; a text that is no JSON says itself.
Json said_in(const SQLite::Column& column) {
  if (column.isNull()) return {};
  auto json = Json::parse(column.getString(), nullptr, false);
  return json.is_discarded() ? Json(column.getString()) : json;
}

// The database may be anyone's: what does not come back word for word is none of ours, and kept as it is.
template <typename T, typename Read>
void take(const SQLite::Column& column, const char* name, const Read& read, std::optional<T>& value,
          std::map<std::string, Json>& other_forms) {
  auto json = said_in(column);
  if (json.is_null()) return;
  try {
    value = read(json);
  } catch (const Json::exception&) {
  }
  if (!value || json_text(to_json(*value)) != json_text(json)) other_forms[name] = std::move(json);
}

// SELECT of a record's fields, before `more`.
template <typename Record>
std::string select_of(const std::string& more) {
  std::string columns;
  const Record record;
  each_field(record, [&](const char* name, const auto&) { columns.append(name).append(", "); });
  return "SELECT " + columns + more;
}

// The fields of a row; the place of the column that follows them.
template <typename Record>
int read_fields(SQLite::Statement& row, Record& record) {
  int place = 0;
  each_field(record, [&](const char*, auto& value) { read_value(row.getColumn(place++), value); });
  return place;
}

void read_measures(ResultStore::State& state, std::int64_t id, Point& point) {
  auto& metrics = state.statement("SELECT name, value FROM metric WHERE point_id = ?");
  metrics.bind(1, id);
  while (metrics.executeStep()) read_value(metrics.getColumn(1), point.metrics[metrics.getColumn(0).getString()]);
  static const auto latencies_of = select_of<Latency>("id FROM latency WHERE point_id = ? ORDER BY id");
  auto& latencies = state.statement(latencies_of);
  latencies.bind(1, id);
  while (latencies.executeStep()) read_fields(latencies, point.latency.emplace_back());
}

std::vector<Point> points_of(ResultStore::State& state, std::int64_t attempt) {
  static const auto points_of_attempt =
      select_of<Point>("proof, details, id FROM point WHERE attempt_id = ? ORDER BY number");
  auto& select = state.statement(points_of_attempt);
  select.bind(1, attempt);
  std::vector<Point> points;
  while (select.executeStep()) {
    auto& point = points.emplace_back();
    const int next = read_fields(select, point);
    take(select.getColumn(next), "proof", proof_from_json, point.proof, point.other_forms);
    take(select.getColumn(next + 1), "details", point_details_from_json, point.details, point.other_forms);
    read_measures(state, select.getColumn(next + 2).getInt64(), point);
  }
  return points;
}

void read_provenance(ResultStore::State& state, std::int64_t id, Attempt& attempt) {
  auto& artifacts = state.statement("SELECT kind, digest, path FROM artifact WHERE attempt_id = ?");
  artifacts.bind(1, id);
  while (artifacts.executeStep()) {
    auto& artifact = attempt.artifacts.emplace_back();
    read_row(artifacts, artifact.kind, artifact.digest, artifact.path);
  }
  auto& plugins = state.statement(
      "SELECT role, name, version, file_digest FROM plugin JOIN attempt_plugin ON plugin_id = plugin.id WHERE "
      "attempt_id = ?");
  plugins.bind(1, id);
  while (plugins.executeStep()) {
    auto& plugin = attempt.plugins.emplace_back();
    read_row(plugins, plugin.role, plugin.name, plugin.version, plugin.file_digest);
  }
}

std::vector<Attempt> attempts_of(ResultStore::State& state, std::int64_t cell) {
  auto& select = state.statement(R"sql(
SELECT attempt.id, number, worker, outcome, strftime('%Y-%m-%dT%H:%M:%SZ', started, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', ended, 'unixepoch'), seconds, message, timing, environment.content, reason, device,
       batch_halvings, peak_memory_bytes
FROM attempt LEFT JOIN environment ON environment.id = environment_id WHERE cell_id = ? ORDER BY number)sql");
  select.bind(1, cell);
  std::vector<Attempt> attempts;
  while (select.executeStep()) {
    auto& attempt = attempts.emplace_back();
    std::int64_t id = 0;
    std::string outcome;
    read_row(select, id, attempt.number, attempt.worker, outcome, attempt.started, attempt.ended, attempt.seconds,
             attempt.message);
    attempt.outcome = from_name<Outcome>(outcome);
    take(select.getColumn(8), "timing", timing_from_json, attempt.timing, attempt.other_forms);
    attempt.environment = said_in(select.getColumn(9));
    attempt.reason = find_name<FailureReason>(select.getColumn(10).getString());
    if (!select.getColumn(11).isNull()) attempt.device = select.getColumn(11).getString();
    read_value(select.getColumn(12), attempt.batch_halvings);
    read_value(select.getColumn(13), attempt.peak_memory_bytes);
    attempt.points = points_of(state, id);
    read_provenance(state, id, attempt);
  }
  return attempts;
}

// The one cell whose key starts so.
std::int64_t id_of(ResultStore::State& state, const std::string& prefix) {
  auto& find = state.statement("SELECT id, key FROM cell WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT 6");
  find.bind(1, prefix);
  std::vector<std::pair<std::int64_t, std::string>> found;
  while (find.executeStep()) found.emplace_back(find.getColumn(0).getInt64(), find.getColumn(1).getString());
  if (found.empty()) {
    throw StoreError(state.file.string() + ": holds no cell whose key starts with '" + printable_line(prefix) +
                     "'\n    'espalier cells' lists the keys");
  }
  if (found.size() > 1) {
    std::string keys;
    for (const auto& [id, key] : found) keys += "\n    " + key.substr(0, 16);
    throw StoreError(state.file.string() + ": several cells have a key that starts with '" + prefix +
                     "'; give more of it" + keys);
  }
  return found.front().first;
}

}  // namespace

CellRecord ResultStore::read(const std::string& prefix) const {
  return translated(state_->file, [&] {
    const auto id = id_of(*state_, prefix);
    CellRecord cell;
    auto& select = state_->statement("SELECT key, state, message, lost, seconds, settings FROM cell WHERE id = ?");
    select.bind(1, id);
    select.executeStep();
    read_row(select, cell.key, cell.state, cell.message, cell.lost, cell.seconds);
    cell.settings = said_in(select.getColumn(5));
    select.reset();
    auto& experiments = state_->statement(
        "SELECT experiment.name FROM experiment_cell JOIN experiment ON experiment.id = experiment_id WHERE cell_id = "
        "? ORDER BY 1");
    experiments.bind(1, id);
    while (experiments.executeStep()) cell.experiments.push_back(experiments.getColumn(0).getString());
    cell.attempts = attempts_of(*state_, id);
    return cell;
  });
}

nlohmann::json to_json(const CellRecord& cell) {
  Json json = {{"key", cell.key},
               {"state", cell.state},
               {"message", cell.message},
               {"lost", cell.lost},
               {"seconds", cell.seconds ? Json(*cell.seconds) : Json()},
               {"settings", cell.settings},
               {"experiments", cell.experiments},
               {"attempts", Json::array()}};
  for (const auto& attempt : cell.attempts) json["attempts"].push_back(to_json(attempt));
  return json;
}

}  // namespace espalier::store
