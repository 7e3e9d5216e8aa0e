#include "own_points.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "cells/metrics.h"
#include "named_columns.h"
#include "store/coded/coded_rows.h"
#include "store/open/point_details.h"

namespace espalier::cli {
namespace {

using published::OwnPoint;
using Row = std::vector<store::Value>;

OwnPoint own_cell(const NamedColumns& columns, const Row& row) {
  OwnPoint point;
  point.key = columns.text(row, "key");
  point.state = columns.text(row, "state");
  point.model = columns.text(row, "model");
  point.dataset = columns.text(row, "dataset");
  point.granularity = columns.text(row, "granularity");
  point.scorer = columns.text(row, "scorer_plugin");
  point.scope = columns.text(row, "scope");
  point.sites = columns.text(row, "sites");
  point.seed = columns.integer(row, "seed");
  point.requested_sparsity = columns.real(row, "requested_sparsity");
  point.current = columns.integer(row, "current") == 1;
  return point;
}

OwnPoint own_point(const NamedColumns& columns, const Row& row) {
  auto point = own_cell(columns, row);
  point.setting = fmt::format("{} {} {}", columns.integer(row, "base_seed"), columns.text(row, "compute"),
                              columns.text(row, "experiment"));
  point.split = columns.text(row, "split");
  point.step = columns.integer(row, "step");
  point.kind = columns.text(row, "kind");
  point.dense = point.kind == "dense";
  point.last = columns.integer(row, "last") == 1;
  point.achieved_sparsity = columns.real(row, "achieved_sparsity");
  point.examples = columns.integer(row, "examples");
  point.parameters_dense = columns.integer(row, "parameters_dense");
  point.parameters_removed = columns.integer(row, "parameters_removed");
  point.parameters_total = columns.integer(row, "parameters_total");
  const auto take = [&](const char* name) {
    if (const auto value = columns.real(row, name)) point.metrics[name] = *value;
  };
  for (const auto& metric : all_metrics()) take(metric.name);
  take("flops");
  take("parameters_total");
  return point;
}

std::unordered_set<std::string> current_keys(const store::Rows& cells) {
  const NamedColumns columns(cells);
  std::unordered_set<std::string> keys;
  for (const auto& row : cells.rows) {
    if (columns.integer(row, "current") == 1) keys.insert(columns.text(row, "key"));
  }
  return keys;
}

void take_times(const store::ResultStore& store, const std::string& experiment, std::vector<OwnPoint>& points) {
  const auto latencies = store.latencies(experiment);
  const NamedColumns columns(latencies);
  std::unordered_map<std::string, std::vector<const Row*>> by_key;
  for (const auto& row : latencies.rows) by_key[columns.text(row, "key")].push_back(&row);
  for (auto& point : points) {
    const auto found = by_key.find(point.key);
    if (found == by_key.end() || (!point.last && !point.dense)) continue;
    for (const auto* row : found->second) {
      const double dense = columns.real(*row, "dense_milliseconds").value_or(0);
      auto& pass = point.passes[columns.integer(*row, "batch")];
      pass.milliseconds = point.dense ? dense : columns.real(*row, "pruned_milliseconds").value_or(0);
      // Early rows have no interval of the ratio: what is known is the one time.
      const auto end = [&](const char* ratio) {
        const auto known = point.dense ? std::nullopt : columns.real(*row, ratio);
        return known ? dense * *known : pass.milliseconds;
      };
      pass.low = end("ratio_low");
      pass.high = end("ratio_high");
      pass.device = columns.text(*row, "device");
    }
  }
}

void take_languages(const store::ResultStore& store, const std::string& experiment, std::vector<OwnPoint>& points) {
  const auto cells = store.cells_in_detail(experiment, {"key", "settings.dataset"}).rows;
  const auto &keys = *cells.find("key"), &datasets = *cells.find("settings.dataset");
  std::vector<nlohmann::json> spoken;  // by the code of the dataset's settings
  for (const auto& text : datasets.values()) {
    const auto dataset = nlohmann::json::parse(text.text, nullptr, false);
    spoken.push_back(dataset.is_object() ? dataset.value("language", nlohmann::json()) : nlohmann::json());
  }
  std::unordered_map<std::string, std::string> languages;
  for (std::size_t row = 0; row < cells.count; ++row) {
    const auto& language = spoken[datasets.code(row)];
    if (language.is_string()) languages[keys.at(row).text] = language.get<std::string>();
  }
  for (auto& point : points) {
    if (const auto found = languages.find(point.key); found != languages.end()) point.language = found->second;
  }
}

// Of the channels of queries, keys, values and outputs, which each take the same share of a site's parameters.
std::map<std::string, double> sparsity_by_kind(const std::string& details) {
  const auto document = nlohmann::json::parse(details, nullptr, false);
  std::map<std::string, std::pair<double, double>> channels;  // kept, of all
  if (!document.is_object()) return {};
  for (const auto& site : document.value("sites", nlohmann::json::array())) {
    const auto name = site.value("site", std::string());
    const std::string kind = name.find("encoder_attn") != std::string::npos ? "decoder-cross"
                             : name.find("decoder") != std::string::npos    ? "decoder-self"
                                                                            : "encoder-self";
    auto& [kept, all] = channels[kind];
    for (const char* part : {"qk", "vo"}) {
      for (const auto& count : site.value(part, nlohmann::json::array())) kept += count.get<double>();
    }
    all += 2 * site.value("heads_dense", 0.0) * site.value("head_dim", 0.0);
  }
  std::map<std::string, double> sparsity;
  for (const auto& [kind, count] : channels) {
    if (count.second > 0) sparsity[kind] = 1 - count.first / count.second;
  }
  return sparsity;
}

void take_kinds(const std::filesystem::path& database, std::vector<OwnPoint>& points) {
  std::map<std::tuple<std::string, std::int64_t, std::string>, std::vector<OwnPoint*>> by_place;
  for (auto& point : points) by_place[{point.key, point.step, point.kind}].push_back(&point);
  store::each_detailed_point(database, [&](const store::DetailedPoint& detailed) {
    const auto found = by_place.find({detailed.key, detailed.step, detailed.kind});
    if (found == by_place.end()) return;
    for (auto* point : found->second) point->sparsity_by_kind = sparsity_by_kind(detailed.details);
  });
}

}  // namespace

void OwnNeeds::see(const published::PublishedTable& table) {
  for (const auto& cell : table.cells) {
    languages = languages || !cell.language.empty();
    kinds = kinds || cell.encoder_self_sparsity || cell.decoder_self_sparsity || cell.decoder_cross_sparsity;
    times = times || cell.metric == "latency_ms";
  }
}

std::vector<OwnPoint> own_points(const std::filesystem::path& database, const store::ResultStore& store,
                                 const std::string& experiment, const OwnNeeds& needs) {
  std::vector<OwnPoint> result;
  const auto cells = store.cells(experiment), points = store.points(experiment);
  const auto current = current_keys(cells);
  const NamedColumns columns(points), names(cells);
  std::set<std::tuple<std::string, std::int64_t, std::string>> seen;
  for (const auto& row : points.rows) {
    if (columns.text(row, "state") != "done") continue;
    auto point = own_point(columns, row);
    if (!seen.insert({point.key, point.step, point.kind}).second) continue;
    point.current = current.contains(point.key);
    // Where a step is repaired, what stands before the repair is no result.
    if (point.kind == "recovered" && !result.empty() && result.back().key == point.key &&
        result.back().achieved_sparsity == point.achieved_sparsity && !result.back().dense)
      result.pop_back();
    result.push_back(std::move(point));
  }
  std::unordered_set<std::string> undone;
  for (const auto& row : cells.rows) {
    auto cell = own_cell(names, row);
    if (cell.state == "done" || !undone.insert(cell.key).second) continue;
    cell.current = current.contains(cell.key);
    result.push_back(std::move(cell));
  }
  if (needs.times) take_times(store, experiment, result);
  if (needs.languages) take_languages(store, experiment, result);
  if (needs.kinds) take_kinds(database, result);
  return result;
}

}  // namespace espalier::cli
