#include "views.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cells/metrics.h"

namespace espalier::store {
namespace {

// Columns keep their places: metrics beyond these stand at the end of the view.
constexpr std::string_view first_metrics[] = {"accuracy", "macro_f1", "mcc", "cross_entropy", "map",
                                              "mauc",     "wer",      "cer", "bleu"};

// What both views say of a cell, and where it comes from.
constexpr const char* of_cell = R"sql(
SELECT experiment.name AS experiment, joined.position, cell.key, cell.state,
       joined.model, cell.family, joined.dataset, cell.format, cell.granularity, cell.sites,
       joined.scorer, cell.scorer_plugin, joined.searcher, cell.searcher_plugin, cell.scope,
       cell.budget, cell.requested, CASE cell.budget WHEN 'sparsity' THEN cell.requested END AS sparsity,
       cell.schedule, joined.recovery, cell.recovery_plugin, cell.rounding, cell.softmax_scale, cell.compute,
       cell.seed, cell.base_seed, cell.attempts, cell.message, cell.worker, cell.seconds,
       strftime('%Y-%m-%dT%H:%M:%SZ', cell.finished, 'unixepoch') AS finished,)sql";
constexpr const char* from_cells = R"sql(
FROM experiment
JOIN experiment_cell AS joined ON joined.experiment_id = experiment.id
JOIN cell ON cell.id = joined.cell_id)sql";

std::string cells() {
  return std::string(of_cell) + R"sql(
       CASE cell.budget WHEN 'sparsity' THEN cell.requested END AS requested_sparsity,
       joined.current, joined.asked)sql" +
         from_cells;
}

std::string metric_column(const std::string& name) {
  std::string column = "\n       (SELECT value FROM metric WHERE point_id = point.id AND name = '";
  return column.append(name).append("') AS ").append(name);
}

std::string points() {
  std::string first, later;
  for (const auto name : first_metrics) first.append(metric_column(std::string(name))).append(",");
  for (const auto& metric : all_metrics()) {
    if (std::find(std::begin(first_metrics), std::end(first_metrics), metric.name) == std::end(first_metrics))
      later.append(",").append(metric_column(metric.name));
  }
  return std::string(of_cell) + R"sql(
       point.step, point.kind, point.id = cell.point_id AS last,
       point.requested_sparsity, point.achieved_sparsity,
       point.parameters_dense, point.parameters_masked, point.parameters_removed, point.parameters_total,
       point.multiply_adds_dense, point.multiply_adds_done, point.proof_passed, point.mask_digest,
       point.split, point.examples, point.predictions_digest,)sql" +
         first + R"sql(
       (SELECT group_concat(name, ' ') FROM metric WHERE point_id = point.id AND value IS NULL) AS not_numbers,
       joined.current, point.heads_kept, point.evaluations, point.flops, point.multiply_adds)sql" +
         later + from_cells + "\nJOIN point ON point.attempt_id = cell.attempt_id";
}

// Milliseconds and ratio from one estimator: a ratio below 1 always stands beside fewer milliseconds. The verdict is
// Latency::verdict() of the interval, so that rows of earlier versions are judged by the same words.
constexpr const char* latencies = R"sql(
SELECT points.experiment, points.key, points.model, points.dataset, points.granularity, points.sites, points.scorer,
       points.searcher, points.scope, points.requested, points.step, points.kind, points.achieved_sparsity,
       latency.batch, latency.length, latency.dense_milliseconds,
       CASE WHEN latency.ratio IS NULL THEN latency.pruned_milliseconds
            ELSE latency.dense_milliseconds * latency.ratio END AS pruned_milliseconds,
       latency.ratio, latency.ratio_low, latency.ratio_high,
       CASE WHEN latency.ratio_low IS NULL OR latency.ratio_high IS NULL THEN latency.verdict
            WHEN latency.ratio_high < 0.99 THEN 'faster' WHEN latency.ratio_low > 1.01 THEN 'slower'
            WHEN latency.ratio_low >= 0.97 AND latency.ratio_high <= 1.03 THEN 'same'
            ELSE 'undecided' END AS verdict,
       latency.repeats, latency.threads, latency.device, points.sparsity, points.requested_sparsity, points.last, points.state, points.current,
       latency.dense_joules, latency.pruned_joules, latency.energy_source, latency.dense_peak_bytes,
       latency.pruned_peak_bytes, latency.outliers
FROM points
JOIN cell ON cell.key = points.key
JOIN point ON point.attempt_id = cell.attempt_id AND point.step = points.step AND point.kind = points.kind
JOIN latency ON latency.point_id = point.id)sql";

}  // namespace

const std::vector<std::pair<std::string, std::string>>& view_statements() {
  static const auto made = [] {
    std::vector<std::pair<std::string, std::string>> views = {
        {"cells", cells()},
        {"points", points()},
        {"ablation", " SELECT * FROM points WHERE last AND state = 'done'"},
        {"latencies", latencies}};
    for (auto& [name, select] : views) select = std::string("CREATE VIEW ").append(name).append(" AS").append(select);
    return views;
  }();
  return made;
}

bool has_current_views(SQLite::Database& database) {
  SQLite::Statement find(database, "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?");
  for (const auto& [name, statement] : view_statements()) {
    find.reset();
    find.bind(1, name);
    if (!find.executeStep() || find.getColumn(0).getString() != statement) return false;
  }
  return true;
}

void make_views(SQLite::Database& database) {
  for (auto view = view_statements().rbegin(); view != view_statements().rend(); ++view)
    database.exec(std::string("DROP VIEW IF EXISTS ").append(view->first));
  for (const auto& [name, statement] : view_statements()) database.exec(statement);
}

}  // namespace espalier::store
