// What was recorded, on its way out: counts, progress, and the public views row by row.
#include <set>
#include <unordered_set>
#include <utility>

#include "connection.h"
#include "open/selects.h"

namespace espalier::store {
namespace {

constexpr std::size_t most_failures = 100;

// A view's rows of one experiment, or of all of them where the name is empty.
Rows view_rows(ResultStore::State& state, const std::string& select, const std::string& experiment) {
  auto& statement = state.statement(select + " AND (?1 = '' OR experiment = ?1) ORDER BY experiment, position");
  statement.bind(1, experiment);
  return rows_of(statement);
}

void add(Counts& counts, const std::string& state, bool is_counted, bool is_idle, std::int64_t count) {
  if (!is_counted) {
    counts.earlier += count;
    return;
  }
  counts.cells += count;
  if (state == "done") counts.done += count;
  if (state == "failed") counts.failed += count;
  if (state == "running") counts.running += count;
  if (state == "waiting") counts.waiting += count;
  if (state == "waiting" && is_idle) counts.not_asked += count;
}

// The name of the only experiment; nothing where there are several. Its cells need not be told from others'.
std::string only_experiment(ResultStore::State& state) {
  auto& select = state.statement("SELECT min(name) FROM experiment HAVING count(*) = 1");
  const bool is_one = select.executeStep();
  auto name = is_one ? select.getColumn(0).getString() : std::string();
  select.reset();
  return name;
}

// Rows of state, whether it counts, whether nobody asked for it, and how many such cells there are (none given: one).
Counts counted(ResultStore::State& state, const std::string& experiment, const std::string& of_one,
               const std::string& of_all) {
  return translated(state.file, [&] {
    const auto name = experiment.empty() ? only_experiment(state) : experiment;
    auto& select = state.statement(name.empty() ? of_all : of_one);
    select.bind(1, name);
    Counts counts;
    while (select.executeStep()) {
      add(counts, select.getColumn(0).getString(), select.getColumn(1).getInt64() != 0,
          select.getColumn(2).getInt64() != 0, select.getColumnCount() > 3 ? select.getColumn(3).getInt64() : 1);
    }
    select.reset();
    return counts;
  });
}

// What cells took and how many ended in the last minute.
Progress paced(ResultStore::State& state, const std::string& experiment) {
  return translated(state.file, [&] {
    Progress progress;
    auto& pace = state.statement(R"sql(
SELECT coalesce(avg(seconds), 0), coalesce(sum(finished > :minute_ago), 0) FROM cell
WHERE (:all OR id IN (SELECT cell_id FROM experiment_cell WHERE experiment_id =
                        (SELECT id FROM experiment WHERE name = :experiment)))
  AND state IN ('done', 'failed'))sql");
    pace.bind(":experiment", experiment);
    pace.bind(":all", experiment.empty() || experiment == only_experiment(state) ? 1 : 0);
    pace.bind(":minute_ago", state.now() - 60);
    if (pace.executeStep()) {
      progress.mean_seconds = pace.getColumn(0).getDouble();
      progress.finished_in_last_minute = pace.getColumn(1).getDouble();
    }
    pace.reset();  // else it would hold on to what it saw, and this connection could not write after another's write
    return progress;
  });
}

}  // namespace

ResultStore::ResultStore(const std::filesystem::path& file, Mode mode, Surroundings around)
    : state_(std::make_unique<State>()) {
  state_->file = file;
  state_->around = std::move(around);
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
  // A cell of several experiments is of the present where it is so in one of them.
  return counted(*state_, experiment,
                 "SELECT state, current OR state IN ('waiting', 'running') AS counts, current AND NOT asked AS idle, "
                 "count(*) FROM experiment_cell WHERE experiment_id = (SELECT id FROM experiment WHERE name = ?1) "
                 "GROUP BY state, current, asked",  // in the order of the index
                 "SELECT state, max(current OR state IN ('waiting', 'running')) AS counts, "
                 "NOT max(asked) AS idle FROM experiment_cell WHERE ?1 = '' GROUP BY cell_id");
}

Counts ResultStore::counts_asked(const std::string& experiment) const {
  const std::string select =
      "SELECT state, 1, 0, count(*) FROM experiment_cell WHERE asked = 1 AND experiment_id = "
      "(SELECT id FROM experiment WHERE name = ?1) GROUP BY 1";
  return counted(*state_, experiment, select, select);
}

Counts ResultStore::counts_of(const std::string& experiment, const std::vector<std::string>& keys) const {
  return translated(state_->file, [&] {
    Counts counts;
    SQLite::Transaction one_snapshot(*state_->database);
    auto& find = state_->statement(
        "SELECT cell.state, joined.asked FROM cell LEFT JOIN experiment_cell AS joined ON "
        "joined.cell_id = cell.id AND joined.experiment_id = "
        "(SELECT id FROM experiment WHERE name = ?2) WHERE cell.key = ?1");
    std::int64_t finished = 0;
    for (const auto& key : keys) {
      find.reset();
      find.bind(1, key);
      find.bind(2, experiment);
      const bool known = !key.empty() && find.executeStep();
      const bool asked = known && !find.getColumn(1).isNull() && find.getColumn(1).getInt64() == 1;
      add(counts, known ? find.getColumn(0).getString() : "waiting", true, !asked, 1);
      const bool of_experiment = known && !find.getColumn(1).isNull();
      const auto state = known ? find.getColumn(0).getString() : "";
      if (of_experiment && (state == "done" || state == "failed")) ++finished;
    }
    find.reset();
    auto& all = state_->statement(
        "SELECT count(*) FROM experiment_cell WHERE state IN ('done', 'failed') AND experiment_id = "
        "(SELECT id FROM experiment WHERE name = ?)");
    all.bind(1, experiment);
    if (all.executeStep()) counts.earlier = all.getColumn(0).getInt64() - finished;
    all.reset();
    return counts;
  });
}

Progress ResultStore::progress(const std::string& experiment) const {
  auto progress = paced(*state_, experiment);
  progress.counts = counts(experiment);
  translated(state_->file, [&] {
    // The index of finished cells is of those that are 'done' or 'failed', and used where a question says so in these words.
    // A cell of several experiments counts once; failures of an earlier state of the file are no longer of interest.
    auto& failures = state_->statement(
        "SELECT key, message FROM cell WHERE state IN ('done', 'failed') AND state = 'failed' AND EXISTS (SELECT 1 "
        "FROM experiment_cell WHERE cell_id = cell.id AND current = 1 AND (:experiment = '' OR experiment_id = (SELECT "
        "id FROM experiment WHERE name = :experiment))) ORDER BY finished DESC LIMIT :most");
    failures.bind(":experiment", experiment);
    failures.bind(":most", static_cast<std::int64_t>(most_failures));
    while (failures.executeStep())
      progress.failures.push_back({failures.getColumn(0).getString(), failures.getColumn(1).getString()});
    failures.reset();
  });
  return progress;
}

Progress ResultStore::progress_of(const std::string& experiment, const std::vector<std::string>& keys) const {
  auto progress = paced(*state_, experiment);
  progress.counts = counts_of(experiment, keys);
  translated(state_->file, [&] {
    const std::unordered_set<std::string> mine(keys.begin(), keys.end());
    auto& failures = state_->statement("SELECT key, message FROM cell WHERE state = 'failed' ORDER BY finished DESC");
    while (failures.executeStep() && progress.failures.size() < most_failures) {
      const auto key = failures.getColumn(0).getString();
      if (mine.count(key) == 1) progress.failures.push_back({key, failures.getColumn(1).getString()});
    }
    failures.reset();
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

std::vector<UsedPlugin> ResultStore::plugins() const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(select_plugins);
    std::vector<UsedPlugin> plugins;
    while (select.executeStep()) {
      plugins.push_back({select.getColumn(0).getString(), select.getColumn(1).getString(),
                         select.getColumn(2).getString(), select.getColumn(3).getString()});
    }
    return plugins;
  });
}

std::vector<std::string> ResultStore::done_with(const UsedPlugin& plugin) const {
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
                    [&] { return view_rows(*state_, "SELECT * FROM points WHERE state = 'done'", experiment); });
}

Rows ResultStore::points_with(const std::string& experiment, const std::vector<std::string>& columns) const {
  return translated(state_->file, [&] {
    std::set<std::string> has;
    auto& names = state_->statement("SELECT name FROM pragma_table_info('points')");
    while (names.executeStep()) has.insert(names.getColumn(0).getString());
    names.reset();
    std::string wanted;
    for (const auto& column : columns) {
      if (has.count(column) == 0) throw StoreError("the view points lacks the column '" + column + "'");
      wanted.append(wanted.empty() ? "" : ", ").append(column);
    }
    return view_rows(*state_, "SELECT " + wanted + " FROM points WHERE state = 'done'", experiment);
  });
}

Rows ResultStore::failed_cells(const std::string& experiment) const {
  return translated(state_->file,
                    [&] { return view_rows(*state_, "SELECT * FROM cells WHERE state = 'failed'", experiment); });
}

Rows ResultStore::cells(const std::string& experiment) const {
  return translated(state_->file, [&] { return view_rows(*state_, "SELECT * FROM cells WHERE true", experiment); });
}

Rows ResultStore::latencies(const std::string& experiment) const {
  return translated(state_->file, [&] {
    return view_rows(*state_,
                     "SELECT * FROM (SELECT latencies.*, 0 AS position FROM latencies WHERE last AND state = 'done') "
                     "WHERE true",
                     experiment);
  });
}

Rows ResultStore::metrics(const std::string& experiment) const {
  return translated(state_->file, [&] {
    return view_rows(*state_, R"sql(
SELECT * FROM (
  SELECT experiment.name AS experiment, joined.position, cell.key, point.kind, point.id = cell.point_id AS last,
         metric.name, metric.value
  FROM experiment
  JOIN experiment_cell AS joined ON joined.experiment_id = experiment.id
  JOIN cell ON cell.id = joined.cell_id
  JOIN point ON point.attempt_id = cell.attempt_id AND (point.kind = 'dense' OR point.id = cell.point_id)
  JOIN metric ON metric.point_id = point.id)
WHERE true)sql",
                     experiment);
  });
}

}  // namespace espalier::store
