#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "browser_reader.h"
#include "cells/metrics.h"
#include "columns.h"
#include "head_maps.h"
#include "page/report_page.h"
#include "store/open/open_tables.h"
#include "store/open/summary.h"
#include "store/result_store.h"
#include "words/version.h"

namespace espalier::page {
namespace {

using nlohmann::json;
using Row = std::vector<store::QueryValue>;

const std::vector<std::string> cell_columns = {
    "experiment", "position",    "key",      "state",    "model",         "family",  "dataset",
    "format",     "granularity", "sites",    "scorer",   "searcher",      "scope",   "budget",
    "requested",  "schedule",    "recovery", "rounding", "softmax_scale", "compute", "seed",
    "base_seed",  "attempts",    "message",  "seconds",  "finished",      "current"};

std::vector<std::string> point_columns() {
  std::vector<std::string> names = {
      "cell",       "step",        "kind",  "last",  "requested_sparsity", "achieved_sparsity", "parameters_total",
      "heads_kept", "evaluations", "flops", "split", "examples",           "proof_passed",      "not_numbers"};
  for (const auto& metric : all_metrics()) names.emplace_back(metric.name);
  return names;
}

const std::vector<std::string> latency_columns = {"cell",
                                                  "step",
                                                  "kind",
                                                  "last",
                                                  "achieved_sparsity",
                                                  "batch",
                                                  "length",
                                                  "dense_milliseconds",
                                                  "pruned_milliseconds",
                                                  "ratio",
                                                  "ratio_low",
                                                  "ratio_high",
                                                  "verdict",
                                                  "repeats",
                                                  "threads",
                                                  "device",
                                                  "dense_joules",
                                                  "pruned_joules",
                                                  "energy_source"};

// Places of names in a table's rows; a name of ours, `cell`, is none of its columns.
class Places {
 public:
  explicit Places(const char* table) : columns_(store::described_view(table).columns) {}
  const store::QueryValue* of(const Row& row, const std::string& name) const {
    const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const auto& c) { return c.name == name; });
    return found == columns_.end() ? nullptr : &row.at(static_cast<std::size_t>(found - columns_.begin()));
  }
  std::string text(const Row& row, const std::string& name) const {
    const auto* value = of(row, name);
    const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
    return text == nullptr ? std::string() : *text;
  }

 private:
  const std::vector<store::DescribedColumn>& columns_;
};

// What goes from a database into a page.
class Collected {
 public:
  explicit Collected(const PageRequest& request) : request_(request) {}

  json take() {
    store::OpenTables tables(request_.database);
    read_cells(tables);
    auto points = read_rows(tables, "points", point_columns());
    auto latencies = read_rows(tables, "latencies", latency_columns);
    HeadMaps maps(texts_);
    store::each_detailed_point(request_.database, [&](const store::DetailedPoint& point) {
      const auto found = cells_.find(point.key);
      if (found != cells_.end()) maps.add(found->second, point);
    });
    json document = {{"cells", cell_table_.take()},
                     {"points", std::move(points)},
                     {"latencies", std::move(latencies)},
                     {"maps", maps.take()}};
    document["texts"] = texts_.take();
    return document;
  }

 private:
  bool is_shown(const Places& places, const Row& row) const {
    return request_.experiment.empty() || places.text(row, "experiment") == request_.experiment;
  }

  void read_cells(store::OpenTables& tables) {
    const Places places("cells");
    tables.each_row("cells", [&](const Row& row) {
      if (!is_shown(places, row)) return;
      std::vector<json> values;
      for (const auto& name : cell_columns) {
        const auto* value = places.of(row, name);
        values.push_back(value == nullptr ? json() : cell_table_.value_of(*value));
      }
      cells_.emplace(places.text(row, "key"), cell_table_.rows());
      cell_table_.add(std::move(values));
    });
  }

  // A cell of several experiments has its points once.
  json read_rows(store::OpenTables& tables, const char* table, const std::vector<std::string>& names) {
    const Places places(table);
    Columns columns(names, texts_);
    std::unordered_map<std::size_t, std::string> told;  // by cell: the experiment whose rows count
    tables.each_row(table, [&](const Row& row) {
      if (!is_shown(places, row)) return;
      const auto found = cells_.find(places.text(row, "key"));
      if (found == cells_.end()) return;
      const auto experiment = places.text(row, "experiment");
      if (told.emplace(found->second, experiment).first->second != experiment) return;
      std::vector<json> values;
      for (const auto& name : names) {
        const auto* value = places.of(row, name);
        values.push_back(name == "cell" ? json(found->second) : value == nullptr ? json() : columns.value_of(*value));
      }
      columns.add(std::move(values));
    });
    return columns.take();
  }

  const PageRequest& request_;
  TextList texts_;
  Columns cell_table_{cell_columns, texts_};
  std::unordered_map<std::string, std::size_t> cells_;  // rows by key
};

json provenance(const PageRequest& request) {
  const auto summary = store::summary_of(request.database);
  auto experiments = json::array(), environments = json::array(), plugins = json::array();
  for (const auto& one : summary.experiments) {
    if (!request.experiment.empty() && one.name != request.experiment) continue;
    experiments.push_back({{"name", one.name},
                           {"question", one.question},
                           {"file", one.file},
                           {"file_digest", one.file_digest},
                           {"attempts", one.attempts},
                           {"seconds", short_number(one.seconds)},
                           {"started", one.started},
                           {"ended", one.ended}});
  }
  for (const auto& one : summary.environments)
    environments.push_back({{"attempts", one.attempts}, {"environment", one.environment}});
  const store::ResultStore store(request.database, store::Mode::ReadOnly);
  for (const auto& plugin : store.plugins())
    plugins.push_back(
        {{"role", plugin.role}, {"name", plugin.name}, {"version", plugin.version}, {"digest", plugin.file_digest}});
  return {{"experiments", experiments},
          {"environments", environments},
          {"plugins", plugins},
          {"schema", summary.schema_version},
          {"ended", summary.ended}};
}

json parsed(const NamedText& file, const char* member, const char* printed_by) {
  auto document = json::parse(file.text, nullptr, false);
  if (!document.is_object() || !document.contains(member) || !document.at(member).is_array())
    throw InputError(
        fmt::format("{}: no JSON object with a list '{}', expected what '{}' prints", file.name, member, printed_by));
  // The page reads members of each entry: one that is no object would stop it in the reader's browser.
  const auto& entries = document.at(member);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries.at(i).is_object())
      throw InputError(fmt::format("{}: entry {} of '{}' is {}, expected an object as '{}' prints", file.name, i + 1,
                                   member, entries.at(i).type_name(), printed_by));
  }
  return document;
}

}  // namespace

std::string page_data(const PageRequest& request) {
  auto document = Collected(request).take();
  document["provenance"] = provenance(request);
  document["database"] = request.database.filename().string();
  document["version"] = version();
  document["commit"] = commit();
  auto metrics = json::array();
  for (const auto& metric : all_metrics())
    metrics.push_back(
        {{"name", metric.name}, {"more_is_better", metric.more_is_better}, {"decimals", metric.decimals}});
  document["metrics"] = metrics;
  if (request.verdicts) document["verdicts"] = parsed(*request.verdicts, "cells", "verify --json");
  document["comparisons"] = json::array();
  for (const auto& file : request.comparisons)
    document["comparisons"].push_back(parsed(file, "levels", "table --compare AXIS --format json"));
  if (request.opens_databases) {
    document["reader"] =
        browser_reader({{"cells", cell_columns}, {"points", point_columns()}, {"latencies", latency_columns}});
  }
  const auto plain = document.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string escaped;
  escaped.reserve(plain.size());
  // '<' stands in texts alone: so neither "</script" nor "<!--" is ever there.
  for (const char letter : plain) {
    if (letter == '<') {
      escaped += "\\u003c";
    } else {
      escaped += letter;
    }
  }
  return escaped;
}

}  // namespace espalier::page
