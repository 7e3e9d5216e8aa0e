#include "axes.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/cell_settings.h"
#include "cells/metrics.h"
#include "words/names.h"

namespace espalier::report {
namespace {

std::string text_of(const store::Value& value) {
  switch (value.kind) {
    case store::Value::Kind::Null: return "";
    case store::Value::Kind::Integer: return std::to_string(value.integer);
    case store::Value::Kind::Real: return fmt::format("{}", value.real);
    case store::Value::Kind::Text: return value.text;
  }
  return "";
}

// As `skip` and `--only` call it; what is no schedule of ours stands as it is.
std::string schedule_name(const std::string& text) {
  const auto schedule = schedule_from_json(nlohmann::json::parse(text, nullptr, false));
  return schedule ? name_of(*schedule) : text;
}

}  // namespace

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_budget(const std::string& axis) {
  return axis == "sparsity" || axis == "heads" || axis == "macs" || axis == "latency" || axis == "loss_of_metric";
}

const std::vector<std::string>& known_axes() {
  static const std::vector<std::string> axes = {"experiment",
                                                "model",
                                                "family",
                                                "dataset",
                                                "format",
                                                "granularity",
                                                "sites",
                                                "scorer",
                                                "scorer_plugin",
                                                "searcher",
                                                "searcher_plugin",
                                                "scope",
                                                "budget",
                                                "requested",
                                                "sparsity",
                                                "schedule",
                                                "recovery",
                                                "recovery_plugin",
                                                "rounding",
                                                "softmax_scale",
                                                "compute",
                                                "seed",
                                                "base_seed",
                                                "step",
                                                "kind",
                                                "heads",
                                                "macs",
                                                "latency",
                                                "loss_of_metric",
                                                "heads_kept",
                                                "state",
                                                "key",
                                                "batch",
                                                "length",
                                                "threads",
                                                "device",
                                                "version",
                                                "results_version",
                                                "count_output_bias",
                                                "requested_sparsity"};
  return axes;
}

const std::vector<std::string>& known_metrics() {
  static const auto metrics = [] {
    std::vector<std::string> names;
    for (const auto& metric : all_metrics()) names.emplace_back(metric.name);
    return names;
  }();
  return metrics;
}

const std::vector<std::string>& known_values() {
  static const auto values = [] {
    std::vector<std::string> names = known_metrics();
    for (const char* other : {"achieved_sparsity",
                              "heads_kept",
                              "parameters_dense",
                              "parameters_masked",
                              "parameters_removed",
                              "parameters_total",
                              "multiply_adds_dense",
                              "multiply_adds_done",
                              "flops",
                              "multiply_adds",
                              "proof_passed",
                              "examples",
                              "evaluations",
                              "seconds",
                              "attempts",
                              "latency",
                              "milliseconds",
                              "dense_milliseconds",
                              "ratio",
                              "joules",
                              "dense_joules",
                              "peak_bytes",
                              "dense_peak_bytes",
                              "outliers"}) {
      names.emplace_back(other);
    }
    return names;
  }();
  return values;
}

bool is_setting(const std::string& axis) {
  static const std::vector<std::string> parts = {"model.", "dataset.", "scorer.", "searcher.", "recovery.", "measure."};
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return axis.starts_with(part); });
}

const std::vector<std::string>& separate_axes() {
  static const std::vector<std::string> axes = {"model",    "dataset",  "granularity",   "sites",
                                                "searcher", "scorer",   "scope",         "schedule",
                                                "recovery", "rounding", "softmax_scale", "compute"};
  return axes;
}

bool is_axis_of_points(const std::string& axis) { return tells_points_apart(axis) || axis == "heads_kept"; }

bool tells_points_apart(const std::string& axis) { return axis == "step" || axis == "kind"; }

bool is_axis_of_latency(const std::string& axis) {
  return axis == "batch" || axis == "length" || axis == "threads" || axis == "device";
}

bool is_detail(const std::string& name) {
  return name == "heads_kept" || name == "evaluations" || name == "flops" || name == "multiply_adds";
}

bool names_itself(const std::string& axis, const AxisValue& value) { return is_budget(axis) && !value.number; }

bool is_axis_of_dense(const std::string& axis) {
  static const std::vector<std::string> axes = {"experiment", "model",   "family",   "dataset",
                                                "format",     "compute", "base_seed"};
  return contains(axes, axis) || axis.starts_with("model.") || axis.starts_with("dataset.");
}

bool is_value_of_cell(const std::string& value) {
  return value == "seconds" || value == "attempts" || value == "evaluations" || is_latency(value);
}

bool is_metric(const std::string& value) { return find_metric(value) != nullptr; }

bool is_energy(const std::string& value) { return value == "joules" || value == "dense_joules"; }

bool is_latency(const std::string& value) {
  return value == "milliseconds" || value == "dense_milliseconds" || value == "ratio" || is_energy(value) ||
         value == "peak_bytes" || value == "dense_peak_bytes" || value == "outliers";
}

bool is_share(const std::string& value) {
  const auto* metric = find_metric(value);
  return metric != nullptr ? metric->is_share : value == "ratio" || value == "achieved_sparsity";
}

int better(const std::string& value) {
  if (const auto* metric = find_metric(value)) return metric->more_is_better ? 1 : -1;
  static const std::vector<std::string> less = {"seconds",       "evaluations",      "flops",
                                                "multiply_adds", "parameters_total", "milliseconds",
                                                "ratio",         "joules",           "peak_bytes"};
  return contains(less, value) ? -1 : 0;
}

bool is_count(const std::string& value) {
  return is_detail(value) || value.starts_with("parameters_") || value.starts_with("multiply_adds_") ||
         value == "examples" || value == "peak_bytes" || value == "dense_peak_bytes" || value == "outliers";
}

int decimals_of(const std::string& value) {
  if (is_count(value)) return 0;  // a mean of some that is no whole number gets a decimal later
  if (const auto* metric = find_metric(value)) return metric->decimals;
  if (is_energy(value)) return 4;
  const bool coarse =
      value == "seconds" || value == "attempts" || value == "milliseconds" || value == "dense_milliseconds";
  return coarse ? 2 : 3;
}

std::optional<double> number_of(const store::Value& value) {
  if (value.kind == store::Value::Kind::Integer) return static_cast<double>(value.integer);
  if (value.kind == store::Value::Kind::Real) return value.real;
  return std::nullopt;
}

NamedRows::NamedRows(store::CodedRows rows) : rows_(std::move(rows)) {
  for (std::size_t i = 0; i < rows_.names.size(); ++i) place_[rows_.names[i]] = i;
}

const store::CodedColumn& NamedRows::column(const std::string& name) const {
  const auto found = place_.find(name);
  if (found == place_.end()) throw StoreError("the database's views lack the column '" + name + "'");
  return rows_.columns[found->second];
}

const store::Value& NamedRows::at(std::size_t row, const std::string& name) const { return column(name).at(row); }

std::string NamedRows::text(std::size_t row, const std::string& column) const { return text_of(at(row, column)); }

std::optional<double> NamedRows::number(std::size_t row, const std::string& column) const {
  return number_of(at(row, column));
}

AxisValue NamedRows::axis(std::size_t row, const std::string& axis) const {
  if (is_budget(axis)) {
    // A cell with another budget has none of this kind; its column says what was asked for instead.
    const auto budget = text(row, "budget");
    if (budget == "schedule") return {"by schedule", {}};
    if (budget != axis) return {budget + " " + text(row, "requested"), {}};
    return {text(row, "requested"), number(row, "requested")};
  }
  const auto& value = at(row, axis);
  if (value.kind == store::Value::Kind::Null) return {"none", {}};
  if (axis == "schedule") return {schedule_name(value.text), {}};
  return {text_of(value), number_of(value)};
}

CodedAxis NamedRows::coded(const std::string& axis) const {
  Grouping groups(size());
  if (is_budget(axis)) {
    groups.split_by(column("budget").codes());
    groups.split_by(column("requested").codes());
  } else {
    groups.split_by(column(axis).codes());
  }
  return axis_of_groups(groups, [&](std::size_t row) { return this->axis(row, axis); });
}

CodedAxis NamedRows::texts(const std::string& column) const {
  const auto& values = this->column(column);
  Grouping groups(size());
  groups.split_by(values.codes());
  return axis_of_groups(groups, [&](std::size_t row) { return AxisValue{text_of(values.at(row)), {}}; });
}

void NamedRows::filter(const std::vector<bool>& keep) {
  for (auto& column : rows_.columns) column.filter(keep);
  rows_.count = static_cast<std::size_t>(std::count(keep.begin(), keep.end(), true));
}

void AxisOrder::see(const std::vector<AxisValue>& values) {
  first_seen_.resize(std::max(first_seen_.size(), values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) first_seen_[i].emplace(values[i].text, first_seen_[i].size());
}

bool AxisOrder::before(const std::vector<AxisValue>& one, const std::vector<AxisValue>& other) const {
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i].text == other[i].text) continue;
    if (one[i].number && other[i].number) return *one[i].number < *other[i].number;
    if (one[i].number.has_value() != other[i].number.has_value()) return one[i].number.has_value();
    return first_seen_[i].at(one[i].text) < first_seen_[i].at(other[i].text);
  }
  return false;
}

std::vector<std::string> texts_of(const std::vector<AxisValue>& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(value.text);
  return texts;
}

std::string texts(const std::vector<AxisValue>& values, const std::string& separator) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const auto& value : values) names.push_back(value.text);
  return join(names, separator);
}

}  // namespace espalier::report
