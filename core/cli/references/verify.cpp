// What was measured here against what a paper printed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bundles/bundles.h"
#include "cells/metrics.h"
#include "experiment_file.h"
#include "output.h"
#include "published/verdicts.h"
#include "references.h"
#include "store/result_store.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::cli {
namespace {

std::map<std::string, std::string> names_from(const std::vector<std::string>& pairs, const char* option) {
  std::map<std::string, std::string> names;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      throw SettingsError(
          fmt::format("{} '{}', expected THEIRS=OURS, as in {} ast=ast-small", option, printable_line(pair), option));
    names[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return names;
}

// The columns of a view by their names.
class NamedColumns {
 public:
  explicit NamedColumns(const store::Rows& rows) {
    for (std::size_t i = 0; i < rows.columns.size(); ++i) places_[rows.columns[i]] = i;
  }
  std::string text(const std::vector<store::Value>& row, const char* column) const { return at(row, column).text; }
  std::optional<double> real(const std::vector<store::Value>& row, const char* column) const {
    const auto& value = at(row, column);
    if (value.kind == store::Value::Kind::Integer) return static_cast<double>(value.integer);
    if (value.kind == store::Value::Kind::Real) return value.real;
    return std::nullopt;
  }
  std::int64_t integer(const std::vector<store::Value>& row, const char* column) const {
    return at(row, column).integer;
  }

 private:
  const store::Value& at(const std::vector<store::Value>& row, const char* column) const {
    static const store::Value absent;
    const auto found = places_.find(column);
    return found != places_.end() ? row.at(found->second) : absent;
  }
  std::map<std::string, std::size_t> places_;
};

published::OwnPoint own_cell(const NamedColumns& columns, const std::vector<store::Value>& row) {
  published::OwnPoint point;
  point.key = columns.text(row, "key");
  point.state = columns.text(row, "state");
  point.model = columns.text(row, "model");
  point.dataset = columns.text(row, "dataset");
  point.granularity = columns.text(row, "granularity");
  point.scorer = columns.text(row, "scorer_plugin");
  point.scope = columns.text(row, "scope");
  point.sites = columns.text(row, "sites");
  point.seed = columns.integer(row, "seed");
  return point;
}

std::vector<published::OwnPoint> own_points(const store::ResultStore& store, const std::string& experiment) {
  std::vector<published::OwnPoint> result;
  const auto points = store.points(experiment);
  const NamedColumns columns(points);
  for (const auto& row : points.rows) {
    auto point = own_cell(columns, row);
    if (point.state != "done") continue;
    point.setting = fmt::format("{} {} {}", columns.integer(row, "base_seed"), columns.text(row, "compute"),
                                columns.text(row, "experiment"));
    point.split = columns.text(row, "split");
    point.dense = columns.text(row, "kind") == "dense";
    point.last = columns.integer(row, "last") == 1;
    point.requested_sparsity = columns.real(row, "requested_sparsity");
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
    // Where a step is repaired, what stands before the repair is no result.
    if (columns.text(row, "kind") == "recovered" && !result.empty() && result.back().key == point.key &&
        result.back().achieved_sparsity == point.achieved_sparsity && !result.back().dense)
      result.pop_back();
    result.push_back(std::move(point));
  }
  const auto cells = store.cells(experiment);
  const NamedColumns names(cells);
  for (const auto& row : cells.rows) {
    auto cell = own_cell(names, row);
    if (cell.state != "done") result.push_back(std::move(cell));
  }
  return result;
}

}  // namespace

JudgedTable judged_table(const VerifyArguments& arguments) {
  published::VerdictRequest request;
  request.models = names_from(arguments.models, "--model");
  request.datasets = names_from(arguments.datasets, "--dataset");
  const auto table = published::read_table(published::table_file(arguments.reference));
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto verdicts = published::judge(table, own_points(store, source.experiment), request);
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return {table.file, published::as_json(table, verdicts).dump(-1, ' ', false, replace)};
}

ExitCode verify(const VerifyArguments& arguments) {
  if (arguments.database.file.ends_with(".zip")) {
    if (!arguments.reference.empty()) {
      throw SettingsError(fmt::format(
          "verify {}: a bundle holds the tables that it was made with, and takes no reference\n    found {}\n    "
          "leave it out, or give the database",
          printable_line(arguments.database.file), printable_line(arguments.reference)));
    }
    return check_bundle_file({arguments.database.file, arguments.reruns, arguments.time_limit, arguments.seed,
                              arguments.database.plugins, arguments.json});
  }
  if (arguments.reruns != 0 || !arguments.time_limit.empty())
    throw SettingsError(
        "verify: --rerun and --time-limit are of a bundle (.zip); 'espalier rerun DB KEY' is of a database");
  if (arguments.format != "terminal" && arguments.format != "markdown")
    throw SettingsError(unknown_name("format", printable_line(arguments.format), {"terminal", "markdown"}));
  published::VerdictRequest request;
  request.models = names_from(arguments.models, "--model");
  request.datasets = names_from(arguments.datasets, "--dataset");
  if (arguments.tolerance >= 0) request.tolerance = arguments.tolerance;
  request.distance = arguments.distance;
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto points = own_points(store, source.experiment);
  if (arguments.reference.empty()) {
    const auto forensics = published::check_own(points);
    if (arguments.json)
      print_json({{"forensics", published::as_json(forensics)}});
    else
      print(published::as_text(forensics, source.database.string()));
    return forensics.findings.empty() ? ExitCode::Done : ExitCode::NegativeVerdict;
  }
  const auto table = published::read_table(published::table_file(arguments.reference));
  const auto verdicts = published::judge(table, points, request);
  if (arguments.json)
    print_json(published::as_json(table, verdicts));
  else
    print(arguments.format == "markdown" ? published::as_markdown(table, verdicts)
                                         : published::as_text(table, verdicts));
  return verdicts.is_negative() ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace espalier::cli
