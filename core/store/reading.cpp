// What was recorded, on its way out: counts, progress, and the public views row by row.
#include "connection.h"

namespace espalier::store {
namespace {

constexpr std::size_t most_failures = 100;

Value value_of(const SQLite::Column& column) {
  if (column.isNull()) return {};
  if (column.isInteger()) return {Value::Kind::Integer, column.getInt64(), 0, {}};
  if (column.isFloat()) return {Value::Kind::Real, 0, column.getDouble(), {}};
  return {Value::Kind::Text, 0, 0, column.getString()};
}

// A view's rows of one experiment, or of all of them where the name is empty.
Rows rows_of(ResultStore::State& state, const std::string& select, const std::string& experiment) {
  auto& statement = state.statement(select + " AND (?1 = '' OR experiment = ?1) ORDER BY experiment, position");
  statement.bind(1, experiment);
  Rows rows;
  for (int i = 0; i < statement.getColumnCount(); ++i) rows.columns.push_back(statement.getColumnName(i));
  while (statement.executeStep()) {
    auto& row = rows.rows.emplace_back();
    for (int i = 0; i < statement.getColumnCount(); ++i) row.push_back(value_of(statement.getColumn(i)));
  }
  return rows;
}

}  // namespace

ResultStore::ResultStore(const std::filesystem::path& file, Mode mode) : state_(std::make_unique<State>()) {
  state_->file = file;
  state_->database = open_database(file, mode);
}
ResultStore::~ResultStore() {
  if (state_) state_->statements.clear();  // before the database they belong to
}
ResultStore::ResultStore(ResultStore&&) noexcept = default;

std::vector<bool> ResultStore::done(const std::vector<std::string>& keys) const {
  return translated(state_->file, [&] {
    SQLite::Transaction one_snapshot(*state_->database);
    auto& select = state_->statement("SELECT 1 FROM cell WHERE key = ? AND state = 'done'");
    std::vector<bool> answers;
    answers.reserve(keys.size());
    for (const auto& key : keys) {
      select.reset();
      select.bindNoCopy(1, key);
      answers.push_back(!key.empty() && select.executeStep());
    }
    select.reset();
    return answers;
  });
}

Counts ResultStore::counts(const std::string& experiment) const {
  return translated(state_->file, [&] {
    const bool all = experiment.empty();
    auto& select = state_->statement(all ? "SELECT state, count(*) FROM cell GROUP BY state"
                                         : "SELECT state, count(*) FROM experiment_cell WHERE experiment_id = "
                                           "(SELECT id FROM experiment WHERE name = ?) GROUP BY state");
    if (!all) select.bind(1, experiment);
    Counts counts;
    while (select.executeStep()) {
      const auto state = select.getColumn(0).getString();
      const auto count = select.getColumn(1).getInt64();
      counts.cells += count;
      if (state == "done") counts.done = count;
      if (state == "failed") counts.failed = count;
      if (state == "running") counts.running = count;
      if (state == "waiting") counts.waiting = count;
    }
    return counts;
  });
}

Progress ResultStore::progress(const std::string& experiment) const {
  Progress progress;
  progress.counts = counts(experiment);
  translated(state_->file, [&] {
    // A cell of several experiments counts once.
    const std::string of_experiment = R"sql(
FROM cell WHERE (:experiment = '' OR id IN (SELECT cell_id FROM experiment_cell WHERE experiment_id =
                                              (SELECT id FROM experiment WHERE name = :experiment))))sql";
    auto& pace = state_->statement("SELECT coalesce(avg(seconds), 0), coalesce(sum(finished > :minute_ago), 0)" +
                                   of_experiment + " AND state IN ('done', 'failed')");
    pace.bind(":experiment", experiment);
    pace.bind(":minute_ago", now_seconds() - 60);
    if (pace.executeStep()) {
      progress.mean_seconds = pace.getColumn(0).getDouble();
      progress.finished_in_last_minute = pace.getColumn(1).getDouble();
    }
    pace.reset();  // else it would hold on to what it saw, and this connection could not write after another's write
    auto& failures = state_->statement("SELECT key, message" + of_experiment +
                                       " AND state = 'failed' ORDER BY finished DESC LIMIT :most");
    failures.bind(":experiment", experiment);
    failures.bind(":most", static_cast<std::int64_t>(most_failures));
    while (failures.executeStep())
      progress.failures.push_back({failures.getColumn(0).getString(), failures.getColumn(1).getString()});
  });
  return progress;
}

std::map<std::string, double> ResultStore::mean_seconds() const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(
        "SELECT granularity || '/' || scorer_plugin, avg(seconds) FROM cell WHERE state = 'done' AND seconds IS NOT "
        "NULL GROUP BY 1");
    std::map<std::string, double> means;
    while (select.executeStep()) means[select.getColumn(0).getString()] = select.getColumn(1).getDouble();
    return means;
  });
}

std::vector<ExperimentRecord> ResultStore::experiments() const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT name, question, file, file_digest FROM experiment ORDER BY id");
    std::vector<ExperimentRecord> experiments;
    while (select.executeStep()) {
      experiments.push_back({select.getColumn(0).getString(), select.getColumn(1).getString(),
                             select.getColumn(2).getString(), select.getColumn(3).getString()});
    }
    return experiments;
  });
}

std::vector<PluginRecord> ResultStore::plugins() const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT role, name, version, file_digest FROM plugin ORDER BY id");
    std::vector<PluginRecord> plugins;
    while (select.executeStep()) {
      plugins.push_back({select.getColumn(0).getString(), select.getColumn(1).getString(),
                         select.getColumn(2).getString(), select.getColumn(3).getString()});
    }
    return plugins;
  });
}

std::vector<std::string> ResultStore::done_with(const PluginRecord& plugin) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(R"sql(
SELECT cell.key FROM cell JOIN attempt_plugin ON attempt_plugin.attempt_id = cell.attempt_id
JOIN plugin ON plugin.id = attempt_plugin.plugin_id
WHERE cell.state = 'done' AND plugin.role = ? AND plugin.name = ? AND plugin.version = ? AND plugin.file_digest = ?
ORDER BY cell.key)sql");
    select.bind(1, plugin.role);
    select.bind(2, plugin.name);
    select.bind(3, plugin.version);
    select.bind(4, plugin.file_digest);
    std::vector<std::string> keys;
    while (select.executeStep()) keys.push_back(select.getColumn(0).getString());
    return keys;
  });
}

Rows ResultStore::points(const std::string& experiment) const {
  return translated(state_->file,
                    [&] { return rows_of(*state_, "SELECT * FROM points WHERE state = 'done'", experiment); });
}

Rows ResultStore::points_in_detail(const std::string& experiment) const {
  // The database may be anyone's: what is no JSON, or of another form, counts as absent.
  return translated(state_->file, [&] {
    return rows_of(*state_, R"sql(
SELECT * FROM (
  SELECT points.*,
         CASE WHEN json_valid(point.details) THEN
           (SELECT sum(json_extract(site.value, '$.heads')) FROM json_each(point.details, '$.sites') AS site
            WHERE site.type = 'object') END AS heads_kept,
         CASE WHEN json_valid(point.details) THEN json_extract(point.details, '$.search.evaluations') END AS evaluations,
         CASE WHEN json_valid(point.details) THEN json_extract(point.details, '$.operations.flops') END AS flops,
         CASE WHEN json_valid(point.details) THEN json_extract(point.details, '$.operations.macs') END AS multiply_adds
  FROM points
  JOIN cell ON cell.key = points.key
  JOIN point ON point.attempt_id = cell.attempt_id AND point.step = points.step AND point.kind = points.kind
  WHERE points.state = 'done')
WHERE true)sql",
                   experiment);
  });
}

Rows ResultStore::failed_cells(const std::string& experiment) const {
  return translated(state_->file,
                    [&] { return rows_of(*state_, "SELECT * FROM cells WHERE state = 'failed'", experiment); });
}

Rows ResultStore::cells(const std::string& experiment) const {
  return translated(state_->file, [&] { return rows_of(*state_, "SELECT * FROM cells WHERE true", experiment); });
}

}  // namespace espalier::store
