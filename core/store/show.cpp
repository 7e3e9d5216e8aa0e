// Everything known of one cell, as one JSON document.
#include <nlohmann/json.hpp>

#include "connection.h"

namespace espalier::store {
namespace {

using nlohmann::json;

// The current row as an object; columns that hold JSON are unfolded.
json row_of(SQLite::Statement& statement) {
  json row = json::object();
  for (int i = 0; i < statement.getColumnCount(); ++i) {
    const auto column = statement.getColumn(i);
    const std::string name = statement.getColumnName(i);
    if (column.isNull())
      row[name] = nullptr;
    else if (column.isInteger())
      row[name] = column.getInt64();
    else if (column.isFloat())
      row[name] = column.getDouble();
    else
      row[name] = column.getString();
    const bool holds_json =
        name == "settings" || name == "timing" || name == "environment" || name == "proof" || name == "details";
    if (!holds_json || !row[name].is_string()) continue;
    auto content = json::parse(row[name].get<std::string>(), nullptr, false);
    if (!content.is_discarded()) row[name] = std::move(content);
  }
  return row;
}

json rows_of(ResultStore::State& state, const char* sql, std::int64_t bound) {
  auto& statement = state.statement(sql);
  statement.bind(1, bound);
  json rows = json::array();
  while (statement.executeStep()) rows.push_back(row_of(statement));
  return rows;
}

json points_of(ResultStore::State& state, std::int64_t attempt) {
  auto points = rows_of(state, R"sql(
SELECT id, step, kind, requested_sparsity, achieved_sparsity, parameters_dense, parameters_masked, parameters_removed,
       parameters_total, multiply_adds_dense, multiply_adds_done, mask_digest, split, examples, proof_passed, proof,
       predictions_digest, details
FROM point WHERE attempt_id = ? ORDER BY number)sql",
                        attempt);
  for (auto& point : points) {
    const auto id = point["id"].get<std::int64_t>();
    point.erase("id");
    point["metrics"] = json::object();
    for (const auto& metric : rows_of(state, "SELECT name, value FROM metric WHERE point_id = ?", id)) {
      point["metrics"][metric["name"].get<std::string>()] = metric["value"];
    }
    point["latency"] = rows_of(state,
                               "SELECT batch, length, dense_milliseconds, pruned_milliseconds, repeats, ratio, "
                               "ratio_low, ratio_high, verdict, threads, device FROM latency WHERE point_id = ?",
                               id);
  }
  return points;
}

constexpr const char* moment = "strftime('%Y-%m-%dT%H:%M:%SZ', ";

}  // namespace

std::string ResultStore::show(const std::string& prefix) const {
  return translated(state_->file, [&] {
    auto& find =
        state_->statement("SELECT id, key FROM cell WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT 6");
    find.bind(1, prefix);
    std::vector<std::pair<std::int64_t, std::string>> found;
    while (find.executeStep()) found.emplace_back(find.getColumn(0).getInt64(), find.getColumn(1).getString());
    if (found.empty()) {
      throw StoreError(state_->file.string() + ": holds no cell whose key starts with '" + prefix +
                       "'\n    'espalier cells' lists the keys");
    }
    if (found.size() > 1) {
      std::string keys;
      for (const auto& [id, key] : found) keys += "\n    " + key.substr(0, 16);
      throw StoreError(state_->file.string() + ": several cells have a key that starts with '" + prefix +
                       "'; give more of it" + keys);
    }
    const auto cell_id = found.front().first;
    auto cell = rows_of(*state_, "SELECT key, state, attempts, lost, message, seconds, settings FROM cell WHERE id = ?",
                        cell_id)[0];
    cell["experiments"] = json::array();
    for (const auto& row :
         rows_of(*state_,
                 "SELECT experiment.name AS name FROM experiment_cell JOIN experiment ON experiment.id = "
                 "experiment_id WHERE cell_id = ? ORDER BY 1",
                 cell_id)) {
      cell["experiments"].push_back(row["name"]);
    }
    const std::string attempts =
        std::string("SELECT attempt.id AS id, number, worker, outcome, ") + moment +
        "started, 'unixepoch') AS started, " + moment +
        "ended, 'unixepoch') AS ended, seconds, message, timing, environment.content AS environment "
        "FROM attempt LEFT JOIN environment ON environment.id = environment_id WHERE cell_id = ? ORDER BY number";
    auto list = rows_of(*state_, attempts.c_str(), cell_id);
    for (auto& attempt : list) {
      const auto id = attempt["id"].get<std::int64_t>();
      attempt.erase("id");
      attempt["points"] = points_of(*state_, id);
      attempt["artifacts"] = rows_of(*state_, "SELECT kind, digest, path FROM artifact WHERE attempt_id = ?", id);
      attempt["plugins"] = rows_of(*state_,
                                   "SELECT role, name, version, file_digest FROM plugin JOIN attempt_plugin ON "
                                   "plugin_id = plugin.id WHERE attempt_id = ?",
                                   id);
    }
    cell["attempts"] = std::move(list);
    // A plugin's message may hold bytes that are no UTF-8.
    return cell.dump(-1, ' ', false, json::error_handler_t::replace);
  });
}

}  // namespace espalier::store
