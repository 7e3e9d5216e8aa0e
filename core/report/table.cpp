#include "report/table.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "axes.h"
#include "cell_rows.h"
#include "filling.h"
#include "fitting.h"
#include "footnotes.h"
#include "levels/levels.h"
#include "marks/cut_cells.h"
#include "measured_rows.h"
#include "significance/significance.h"
#include "slice.h"
#include "spread.h"
#include "words/names.h"
#include "words/texts/name_list.h"

namespace espalier::report {
namespace {

constexpr int most_digits = 15;

void check_axes(const TableRequest& request, const CellRows& cells) {
  std::set<std::string> used;
  for (const auto* axes : {&request.rows, &request.columns}) {
    if (axes->empty()) throw SettingsError("a table needs at least one axis for its rows and one for its columns");
    for (const auto& axis : *axes) {
      check_axis(axis, cells);
      if (!used.insert(axis).second)
        throw SettingsError("the axis '" + axis + "' is given twice\n    expected it once, in rows or in columns");
    }
  }
  for (const auto& axis : request.average) {
    check_axis(axis, cells);
    const bool shown = (contains(request.rows, axis) && !request.fits_rows) ||
                       (contains(request.columns, axis) && !request.fits_columns);
    if (shown) {
      throw SettingsError("the axis '" + axis +
                          "' is both shown and averaged over\n    expected it in --rows or --columns, or in --average");
    }
  }
}

// Names joined by commas; `latency` is three values.
std::vector<std::string> values_from(const std::string& list) {
  std::vector<std::string> values;
  for (const auto& name : names_in(list)) {
    if (!contains(known_values(), name)) throw SettingsError(unknown_name("value", name, known_values()));
    const auto named = name == "latency" ? std::vector<std::string>{"dense_milliseconds", "milliseconds", "ratio"}
                                         : std::vector<std::string>{name};
    for (const auto& value : named) {
      if (contains(values, value))
        throw SettingsError("the value '" + value + "' is given twice\n    expected it once");
      values.push_back(value);
    }
  }
  return values;
}

std::string caption_name(const store::ResultStore& store, const std::string& experiment, bool of_file) {
  std::vector<std::string> names;
  for (const auto& record : store.experiments()) names.push_back(record.name);
  if (experiment.empty()) return join(names);
  if (!of_file && !contains(names, experiment)) throw SettingsError(unknown_name("experiment", experiment, names));
  return experiment;
}

// The first metric that was measured, in the order of tasks: classification, tagging, speech.
std::string main_metric(const MeasuredRows& measured, const std::vector<std::string>& read) {
  for (const auto& metric : known_metrics()) {
    if (!contains(read, metric) || !measured.may_have(metric)) continue;
    for (const auto& entry : measured.entries()) {
      if (measured.value(entry, metric)) return metric;
    }
    for (const auto point : measured.dense()) {
      if (measured.points().number(point, metric)) return metric;
    }
  }
  return "accuracy";
}

std::vector<TableValue> shown_values(const std::vector<std::string>& names, const TableRequest& request) {
  std::vector<TableValue> values;
  for (const auto& name : names) {
    TableValue value{name, decimals_of(name), request.percent && is_share(name)};
    if (value.percent) value.decimals = 1;
    if (request.digits) value.decimals = *request.digits;
    values.push_back(value);
  }
  return values;
}

void check_reading(const TableRequest& request, const std::vector<std::string>& values) {
  if (request.digits && (*request.digits < 0 || *request.digits > most_digits)) {
    throw SettingsError(fmt::format("--digits {}: expected a whole number from 0 to {}", *request.digits, most_digits));
  }
  if (request.percent && std::none_of(values.begin(), values.end(), is_share)) {
    throw SettingsError("--percent: none of " + join(values) +
                        " is a share\n    expected one of accuracy, macro_f1, map, "
                        "wer, cer, mcc, mauc, achieved_sparsity, ratio");
  }
  if (request.significance) check_level(*request.significance);
  if (request.best && std::all_of(values.begin(), values.end(), [](const auto& name) { return better(name) == 0; }))
    throw SettingsError("--best: of " + join(values) +
                        " neither more nor less is better\n    choose a metric by --value");
}

// Plugins of one version that were built more than once: their cells may differ for that.
std::vector<std::string> notes_of_files(const CellRows& cells) {
  std::map<std::string, std::set<std::string>> files;  // by role, plugin and version
  for (const std::string role : {"scorer", "searcher", "recovery"}) {
    const auto plugin = cells.coded(role + ".plugin"), version = cells.coded(role + ".version"),
               file = cells.coded(role + ".file");
    Grouping groups(cells.rows().size());
    for (const auto* axis : {&plugin, &version, &file}) groups.split_by(axis->codes);
    for (std::size_t group = 0; group < groups.count(); ++group) {
      const auto row = groups.first(group);
      if (file.at(row).text == "none") continue;
      files[plugin.at(row).text + " " + version.at(row).text].insert(file.at(row).text);
    }
  }
  std::vector<std::string> notes;
  for (const auto& [plugin, digests] : files) {
    if (digests.size() < 2) continue;
    notes.push_back(fmt::format("{}: cells were computed by {} different files of this version ({})", plugin,
                                digests.size(), fmt::join(digests, ", ")));
  }
  return notes;
}

// Columns of cells that the request names: as axes, in its slice, as values.
std::vector<std::string> asked_columns(const TableRequest& request, const std::vector<std::string>& values) {
  std::vector<std::string> asked;
  for (const auto& column : columns_of_cells()) {
    bool is_asked = request.only.find(column + "=") != std::string::npos;
    // A slice by what experiments call a plugin looks at its own name too.
    if (column.ends_with("_plugin"))
      is_asked = is_asked || request.only.find(column.substr(0, column.find('_')) + "=") != std::string::npos;
    for (const auto* names : {&request.rows, &request.columns, &request.average, &values})
      is_asked = is_asked || contains(*names, column);
    if (is_asked) asked.push_back(column);
  }
  return asked;
}

MeasuredRows measured_rows(const store::ResultStore& store, const std::string& experiment, CellRows cells,
                           const TableRequest& request, const std::vector<std::string>& columns,
                           const std::vector<std::string>& values) {
  const auto any = [&](const auto& is) {
    return std::any_of(request.rows.begin(), request.rows.end(), is) || std::any_of(columns.begin(), columns.end(), is);
  };
  const bool timed = std::any_of(values.begin(), values.end(), is_latency) || any(is_axis_of_latency);
  // What a table reads of points.
  std::vector<std::string> read = {"experiment",         "key",          "step",  "kind",     "last",
                                   "achieved_sparsity",  "proof_passed", "split", "examples", "mask_digest",
                                   "predictions_digest", "not_numbers"};
  if (any(tells_points_apart)) read.emplace_back("requested_sparsity");
  for (const auto* axes : {&request.rows, &columns, &request.average}) {
    if (contains(*axes, "heads_kept") && !contains(read, "heads_kept")) read.emplace_back("heads_kept");
  }
  for (const auto& value : values) {
    if (!is_latency(value) && !contains(read, value)) read.push_back(value);
  }
  NamedRows points(store.points_of(cells.stored(), read));
  NamedRows latencies(timed ? store.latencies(experiment) : store::Rows{{"key", "batch"}, {}});
  return MeasuredRows(std::move(cells), std::move(points), std::move(latencies), any(tells_points_apart),
                      any([](const std::string& axis) { return axis == "experiment"; }));
}

}  // namespace

std::vector<TableValue> Table::shown() const {
  return values.empty() ? std::vector<TableValue>{{value, decimals, false}} : values;
}

TableValue Table::value_of(std::size_t cell) const {
  return values.empty() ? TableValue{value, decimals, false} : values[cell % values.size()];
}

Table make_table(const store::ResultStore& store, const std::string& experiment, const TableRequest& request,
                 const std::vector<store::NewCell>* cells_of_file) {
  Table table;
  table.caption = request.caption;
  auto names = values_from(request.value);
  const auto asked = asked_columns(request, names);
  auto cells = cells_of_file == nullptr ? CellRows(store, experiment, asked)
                                        : CellRows(store, experiment, *cells_of_file, asked);
  const bool of_database = cells_of_file == nullptr;
  if (of_database) cells.leave_out_earlier();
  check_axes(request, cells);
  table.experiment = caption_name(store, experiment, cells_of_file != nullptr);
  Findings findings;
  findings.earlier = cells.left_out();
  findings.of_database = of_database;
  findings.only = request.only;
  findings.left_out = take_slice(cells, request.only);
  findings.notes = notes_of_files(cells);
  findings.cut = cut_cells(store, cells.rows());
  const auto difference = cells.differences();
  findings.differences = difference.sentences;
  const auto columns = fitted_columns(request, cells, std::any_of(names.begin(), names.end(), is_latency));
  const auto read = names.empty() ? known_metrics() : names;
  const auto measured =
      measured_rows(store, cells_of_file == nullptr ? experiment : "", std::move(cells), request, columns, read);
  findings.merged_experiments =
      measured.several_experiments() && !contains(request.rows, "experiment") && !contains(columns, "experiment");
  if (names.empty()) names = {main_metric(measured, read)};
  check_reading(request, names);
  check_levels(request, columns, names);
  table.value = join(names);
  table.decimals = decimals_of(names.front());
  table.spread = request.spread.empty() ? "interval" : request.spread;
  const auto values = shown_values(names, request);
  if (values.size() > 1 || request.digits || request.percent) table.values = values;
  const auto axes = fitted_axes(request, columns, measured, difference.axes);
  table.row_axes = axes.rows;
  table.column_axes = axes.columns;
  findings.added = axes.added;
  Filling(measured, request, difference.axes, table, findings).fill();
  if (!request.at.empty()) findings.levels = add_levels(store, of_database ? experiment : "", request.at, table);
  if (request.significance)
    findings.tests = test_significance(store, of_database ? experiment : "", *request.significance, table);
  table.split = fmt::format("{}", fmt::join(findings.splits, ", "));
  if (!findings.examples.empty()) table.examples = *findings.examples.rbegin();
  table.footnotes = footnotes(findings, table);
  return table;
}

}  // namespace espalier::report
