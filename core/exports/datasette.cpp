// metadata.yaml for datasette. Its texts are written as JSON strings, which are YAML too, whatever they hold.
#include <nlohmann/json.hpp>

#include "exports/export.h"
#include "store/open/described_columns.h"

namespace espalier::exports {
namespace {

struct StartingQuery {
  const char* name;
  const char* title;
  const char* sql;
};

constexpr StartingQuery starting_queries[] = {
    {"results", "Results by scorer and sparsity",
     "SELECT model, dataset, granularity, scorer, scope, sparsity, count(*) AS n, avg(achieved_sparsity) AS achieved,\n"
     "       avg(accuracy) AS accuracy, avg(macro_f1) AS macro_f1, avg(wer) AS wer\n"
     "FROM ablation WHERE current GROUP BY 1, 2, 3, 4, 5, 6"},
    {"lost", "What pruning costs, cell by cell",
     "SELECT pruned.experiment, pruned.key, pruned.scorer, pruned.achieved_sparsity,\n"
     "       pruned.accuracy - dense.accuracy AS accuracy_lost, pruned.wer - dense.wer AS wer_gained\n"
     "FROM ablation AS pruned JOIN points AS dense\n"
     "  ON dense.key = pruned.key AND dense.experiment = pruned.experiment AND dense.kind = 'dense'\n"
     "ORDER BY 4, 5 DESC"},
    {"failures", "Cells that failed, with their reasons",
     "SELECT experiment, key, scorer, searcher, recovery, seed, attempts, message FROM cells WHERE state = 'failed'"},
    {"latency", "What became faster",
     "SELECT model, granularity, scorer, achieved_sparsity, batch, ratio, ratio_low, ratio_high, verdict\n"
     "FROM latencies WHERE last ORDER BY ratio"},
};

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string query_lines(const StartingQuery& query) {
  std::string lines =
      std::string("      ") + query.name + ":\n        title: " + quoted(query.title) + "\n        sql: |-\n";
  std::string line;
  for (const char c : std::string(query.sql) + "\n") {
    line += c;
    if (c != '\n') continue;
    lines += "          " + line;
    line.clear();
  }
  return lines;
}

}  // namespace

std::string datasette_metadata(const std::string& database_name) {
  std::string text = "title: " + quoted("Results of " + database_name) +
                     "\ndescription: Written by espalier. The views cells, points, ablation and latencies are for "
                     "readers.\ndatabases:\n  " +
                     quoted(database_name) + ":\n    queries:\n";
  for (const auto& query : starting_queries) text += query_lines(query);
  text += "    tables:\n";
  for (const auto& view : store::described_views()) {
    text += "      " + view.name + ":\n        title: " + quoted(view.title) +
            "\n        description: " + quoted(view.meaning) + "\n        columns:\n";
    for (const auto& column : view.columns) {
      const auto unit = column.unit.empty() ? std::string() : " [" + column.unit + "]";
      text += "          " + column.name + ": " + quoted(column.meaning + unit) + "\n";
    }
  }
  return text;
}

}  // namespace espalier::exports
