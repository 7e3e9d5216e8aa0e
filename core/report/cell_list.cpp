#include "report/cell_list.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "cell_rows.h"
#include "flattened.h"
#include "report/escaping.h"
#include "slice.h"
#include "store/coded/coded_rows.h"
#include "words/names.h"

namespace espalier::report {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

using Fields = std::map<std::string, json>;

// What was measured of a cell.
struct Measured {
  Fields metrics, dense, point;
  std::vector<Fields> latencies;
};

json json_of(const store::Value& value) {
  switch (value.kind) {
    case store::Value::Kind::Null: return nullptr;
    case store::Value::Kind::Integer: return value.integer;
    case store::Value::Kind::Real: return value.real;
    case store::Value::Kind::Text: return value.text;
  }
  return nullptr;
}

const std::vector<std::string>& columns_of_cell() {
  static const std::vector<std::string> columns = {
      "key",           "experiment", "state",  "model",     "dataset",  "granularity", "sites",    "scorer",
      "searcher",      "scope",      "budget", "requested", "sparsity", "schedule",    "recovery", "rounding",
      "softmax_scale", "compute",    "seed",   "base_seed", "attempts", "seconds",     "finished", "message"};
  return columns;
}

// What was requested stands among the cell's own columns.
const std::vector<std::string>& columns_of_result() {
  static const auto columns = [] {
    auto all = store::columns_of_point();
    std::erase(all, "requested_sparsity");
    return all;
  }();
  return columns;
}

std::unordered_map<std::string, Measured> measured_cells(const store::ResultStore& store) {
  std::unordered_map<std::string, Measured> cells;
  const NamedRows points(store.points("")), metrics(store.metrics("")), latencies(store.latencies(""));
  for (std::size_t row = 0; row < points.size(); ++row) {
    if (points.number(row, "last") != 1.0) continue;
    auto& cell = cells[points.text(row, "key")];
    for (const auto& column : columns_of_result()) cell.point[column] = json_of(points.at(row, column));
  }
  for (std::size_t row = 0; row < metrics.size(); ++row) {
    auto& cell = cells[metrics.text(row, "key")];
    auto& into = metrics.text(row, "kind") == "dense" ? cell.dense : cell.metrics;
    into[metrics.text(row, "name")] = json_of(metrics.at(row, "value"));
  }
  std::set<std::string> seen;  // a cell of two experiments has its latencies twice
  for (std::size_t row = 0; row < latencies.size(); ++row) {
    if (!seen.insert(latencies.text(row, "key") + ' ' + latencies.text(row, "batch")).second) continue;
    Fields fields;
    for (const char* column : {"batch", "length", "dense_milliseconds", "pruned_milliseconds", "ratio", "ratio_low",
                               "ratio_high", "verdict", "repeats", "threads", "device", "dense_joules", "pruned_joules",
                               "energy_source", "dense_peak_bytes", "pruned_peak_bytes", "outliers"})
      fields[column] = json_of(latencies.at(row, column));
    cells[latencies.text(row, "key")].latencies.push_back(std::move(fields));
  }
  return cells;
}

json settings_of(const CellRows& cells, std::size_t row) {
  auto settings = json::parse(cells.rows().text(row, "settings"), nullptr, false);
  return settings.is_object() ? settings : json::object();
}

std::string as_json(const CellRows& cells, const std::unordered_map<std::string, Measured>& measured) {
  auto list = ordered_json::array();
  for (std::size_t row = 0; row < cells.rows().size(); ++row) {
    ordered_json record;
    for (const auto& column : columns_of_cell()) record[column] = json_of(cells.rows().at(row, column));
    record["settings"] = settings_of(cells, row);
    const auto found = measured.find(cells.rows().text(row, "key"));
    const Measured nothing;
    const auto& cell = found == measured.end() ? nothing : found->second;
    for (const auto& [name, value] : cell.point) record[name] = value;
    record["metrics"] = cell.metrics;
    record["dense"] = cell.dense;
    record["latency"] = cell.latencies;
    list.push_back(std::move(record));
  }
  return list.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string csv_text(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return csv_escaped(value.get<std::string>());
  return value.dump();
}

// Everything of a cell under the name of its column.
Fields flat_fields(const CellRows& cells, std::size_t row, const Measured& cell) {
  Fields fields;
  for (const auto& [path, value] : flattened(settings_of(cells, row))) fields["settings." + path] = value;
  for (const auto& [name, value] : cell.metrics) fields["metric." + name] = value;
  for (const auto& [name, value] : cell.dense) fields["dense." + name] = value;
  for (const auto& latency : cell.latencies) {
    const auto prefix = "latency.batch" + latency.at("batch").dump() + ".";
    for (const auto& [name, value] : latency) {
      if (name != "batch") fields[prefix + name] = value;
    }
  }
  return fields;
}

std::string as_csv(const CellRows& cells, const std::unordered_map<std::string, Measured>& measured) {
  const Measured nothing;
  std::vector<Fields> rows;
  std::set<std::string> names;
  for (std::size_t row = 0; row < cells.rows().size(); ++row) {
    const auto found = measured.find(cells.rows().text(row, "key"));
    rows.push_back(flat_fields(cells, row, found == measured.end() ? nothing : found->second));
    for (const auto& [name, value] : rows.back()) names.insert(name);
  }
  std::vector<std::string> head = columns_of_cell();
  head.insert(head.end(), columns_of_result().begin(), columns_of_result().end());
  for (const auto& name : names) head.push_back(csv_escaped(name));
  std::string text = join(head, ",") + "\r\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<std::string> line;
    for (const auto& column : columns_of_cell()) line.push_back(csv_text(json_of(cells.rows().at(row, column))));
    const auto found = measured.find(cells.rows().text(row, "key"));
    const auto& point = found == measured.end() ? nothing.point : found->second.point;
    for (const auto& column : columns_of_result()) {
      const auto value = point.find(column);
      line.push_back(value == point.end() ? "" : csv_text(value->second));
    }
    for (const auto& name : names) {
      const auto value = rows[row].find(name);
      line.push_back(value == rows[row].end() ? "" : csv_text(value->second));
    }
    text += join(line, ",") + "\r\n";
  }
  return text;
}

std::string main_metric(const std::unordered_map<std::string, Measured>& measured) {
  for (const auto& metric : known_metrics()) {
    for (const auto& [key, cell] : measured) {
      if (const auto found = cell.metrics.find(metric); found != cell.metrics.end() && found->second.is_number())
        return metric;
    }
  }
  return "accuracy";
}

// Key, state, what tells the cells apart, what came out.
std::vector<std::vector<std::string>> short_lines(const CellRows& cells,
                                                  const std::unordered_map<std::string, Measured>& measured) {
  std::vector<std::string> axes;
  std::vector<CodedAxis> coded;
  auto candidates = separate_axes();
  candidates.insert(candidates.end(), {"budget", "requested", "seed", "base_seed", "experiment"});
  for (const auto& difference : cells.differences().axes) candidates.push_back(difference);
  for (const auto& axis : candidates) {
    auto values = cells.coded(axis);
    if (!values.varies() && axis != "requested") continue;
    axes.push_back(axis);
    coded.push_back(std::move(values));
  }
  const auto metric = main_metric(measured);
  std::vector<std::vector<std::string>> lines{{"key", "state"}};
  lines[0].insert(lines[0].end(), axes.begin(), axes.end());
  lines[0].push_back(metric);
  for (std::size_t row = 0; row < cells.rows().size(); ++row) {
    const auto key = cells.rows().text(row, "key");
    auto& line = lines.emplace_back();
    line = {key.empty() ? "none yet" : key.substr(0, key_letters), cells.rows().text(row, "state")};
    for (const auto& axis : coded) line.push_back(axis.at(row).text);
    const auto found = measured.find(key);
    std::string result;
    if (found != measured.end() && found->second.metrics.count(metric) == 1) {
      const auto& value = found->second.metrics.at(metric);
      result = value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "not a number";
      if (found->second.point.count("kind") == 1 && found->second.point.at("kind") == "diverged")
        result += " (diverged)";
    }
    if (line[1] == "failed") result = first_line(cells.rows().text(row, "message"));
    line.push_back(result);
  }
  return lines;
}

std::string as_text(const std::vector<std::vector<std::string>>& lines, Format format) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(printable(line[i])));
  }
  std::string text;
  for (std::size_t row = 0; row < lines.size(); ++row) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const auto field = format == Format::Markdown ? markdown_escaped(lines[row][i]) : printable(lines[row][i]);
      if (format == Format::Markdown) {
        line += "| " + field + " ";
      } else {
        line += (i > 0 ? "  " : "") + field + std::string(widths[i] - width_of(field), ' ');
      }
    }
    if (format == Format::Markdown) line += "|";
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (row > 0 || format != Format::Markdown) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) text += "| --- ";
    text += "|\n";
  }
  return text;
}

}  // namespace

std::string cell_list(const store::ResultStore& store, const std::string& experiment, const CellListRequest& request,
                      const std::vector<store::NewCell>* cells_of_file) {
  static const std::vector<std::string> states = {"waiting", "running", "done", "failed"};
  if (!request.state.empty() && !contains(states, request.state))
    throw SettingsError(unknown_name("state", request.state, states));
  if (request.format == Format::Latex)
    throw SettingsError("a list of cells is not written as latex\n    expected terminal, markdown, csv or json");
  auto columns = columns_of_cells();
  columns.emplace_back("settings");
  auto cells = cells_of_file == nullptr ? CellRows(store, experiment, columns)
                                        : CellRows(store, experiment, *cells_of_file, columns);
  take_slice(cells, request.only);
  std::vector<bool> keep(cells.rows().size(), true);
  for (std::size_t row = 0; row < keep.size(); ++row)
    keep[row] = request.state.empty() || cells.rows().text(row, "state") == request.state;
  cells.filter(keep);
  const auto measured = measured_cells(store);
  if (request.format == Format::Json) return as_json(cells, measured);
  if (request.format == Format::Csv) return as_csv(cells, measured);
  return as_text(short_lines(cells, measured), request.format);
}

}  // namespace espalier::report
