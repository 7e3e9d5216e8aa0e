#include "store/open/summary.h"

#include <map>

#include "connection.h"
#include "open/selects.h"

namespace espalier::store {
namespace {

constexpr std::size_t most_complaints = 20;

std::vector<ExperimentSummary> experiments_of(SQLite::Database& database) {
  SQLite::Statement select(database, select_experiments);
  std::vector<ExperimentSummary> experiments;
  while (select.executeStep()) {
    auto& one = experiments.emplace_back();
    read_row(select, one.name, one.question, one.file, one.file_digest, one.cells, one.done, one.failed, one.attempts,
             one.seconds, one.started, one.ended);
  }
  return experiments;
}

std::vector<EnvironmentSummary> environments_of(SQLite::Database& database) {
  SQLite::Statement select(database, select_environments);
  std::map<std::string, EnvironmentSummary> environments;
  while (select.executeStep()) {
    auto environment = nlohmann::json::parse(select.getColumn(0).getString(), nullptr, false);
    if (!environment.is_object()) continue;
    environment.erase("command_line");
    environment.erase("host");
    auto& sum = environments[json_text(environment)];
    sum.environment = environment;
    sum.attempts += select.getColumn(1).getInt64();
  }
  std::vector<EnvironmentSummary> list;
  for (auto& [text, sum] : environments) list.push_back(std::move(sum));
  return list;
}

std::vector<std::string> sites_in(const std::string& details) {
  std::vector<std::string> sites;
  const auto document = nlohmann::json::parse(details, nullptr, false);
  if (!document.is_object()) return sites;
  const auto found = document.find("sites");
  if (found == document.end() || !found->is_array()) return sites;
  for (const auto& site : *found) {
    if (site.is_object() && site.contains("site") && site.at("site").is_string())
      sites.push_back(site.at("site").get<std::string>());
  }
  return sites;
}

std::vector<RecordedMask> masks_of(SQLite::Database& database) {
  SQLite::Statement select(database, R"sql(
SELECT DISTINCT cell.key, artifact.digest, artifact.path, point.details
FROM cell
JOIN artifact ON artifact.attempt_id = cell.attempt_id AND artifact.kind = 'mask'
JOIN point ON point.attempt_id = cell.attempt_id AND point.mask_digest = artifact.digest
ORDER BY 1, 3, point.number)sql");
  std::vector<RecordedMask> masks;
  while (select.executeStep()) {
    masks.push_back({select.getColumn(0).getString(), select.getColumn(1).getString(), select.getColumn(2).getString(),
                     sites_in(select.getColumn(3).getString())});
  }
  return masks;
}

}  // namespace

DatabaseSummary summary_of(const std::filesystem::path& file) {
  const auto database = open_database(file, Mode::ReadOnly);
  return translated(file, [&] {
    database->exec("BEGIN");  // all of one moment
    DatabaseSummary summary;
    summary.experiments = experiments_of(*database);
    summary.environments = environments_of(*database);
    summary.masks = masks_of(*database);
    for (const auto& experiment : summary.experiments) summary.ended = std::max(summary.ended, experiment.ended);
    summary.schema_version = database->execAndGet("PRAGMA user_version").getInt64();
    return summary;
  });
}

std::vector<std::string> damage_of(const std::filesystem::path& file) {
  const auto database = open_database(file, Mode::ReadOnly);
  return translated(file, [&] {
    std::vector<std::string> complaints;
    SQLite::Statement check(*database, "PRAGMA integrity_check(20)");
    while (check.executeStep() && complaints.size() < most_complaints) {
      if (auto said = check.getColumn(0).getString(); said != "ok") complaints.push_back(std::move(said));
    }
    SQLite::Statement references(*database, "PRAGMA foreign_key_check");
    while (references.executeStep() && complaints.size() < most_complaints)
      complaints.push_back("a row of " + references.getColumn(0).getString() + " refers to none of " +
                           references.getColumn(2).getString());
    return complaints;
  });
}

}  // namespace espalier::store
