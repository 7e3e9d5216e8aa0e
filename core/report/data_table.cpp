// Tables for programs: long form, one record for each place of the table that holds cells, numbers in full.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "rendering.h"
#include "report/escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

std::string number_text(const std::optional<double>& number) { return number ? fmt::format("{}", *number) : ""; }

std::string name_text(const AxisValue& value) { return value.number ? value.text : csv_escaped(value.text); }

nlohmann::json name_json(const AxisValue& value) {
  if (!value.number) return value.text;
  auto number = nlohmann::json::parse(value.text, nullptr, false);
  return number.is_discarded() ? nlohmann::json(value.text) : number;
}

std::optional<double> low(const TableCell& cell) {
  if (cell.low || cell.interpolated()) return cell.low;
  return cell.mean ? std::optional(*cell.mean - cell.half_width) : std::nullopt;
}
std::optional<double> high(const TableCell& cell) {
  if (cell.high || cell.interpolated()) return cell.high;
  return cell.mean ? std::optional(*cell.mean + cell.half_width) : std::nullopt;
}

nlohmann::json number_json(const std::optional<double>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json(nullptr);
}

const char* kind_of(const TableCell& cell) {
  return cell.interpolated() ? "interpolated" : cell.mean ? "measured" : "";
}

void add_kind(const TableCell& cell, std::vector<std::string>& line) {
  line.emplace_back(kind_of(cell));
  if (!cell.interpolated()) {
    line.resize(line.size() + 4);
    return;
  }
  for (const auto& one : cell.neighbours) line.insert(line.end(), {number_text(one.sparsity), number_text(one.mean)});
}

}  // namespace

std::string csv_table(const Table& table) {
  std::vector<std::string> head;
  for (const auto* axes : {&table.row_axes, &table.column_axes}) {
    for (const auto& axis : *axes) head.push_back(csv_escaped(axis));
  }
  for (const auto* name :
       {"value", "mean", "low", "high", "n", "achieved_min", "achieved_max", "failed", "missing", "sd", "no_value",
        "not_a_number", "diverged", "verdict", "timed_out", "out_of_memory", "given_up"})
    head.emplace_back(name);
  const bool tested = has_tests(table);
  if (tested) {
    for (const auto* name : {"p_dense", "beside_dense", "p_best", "beside_best"}) head.emplace_back(name);
  }
  if (table.has_levels) {
    for (const auto* name : {"kind", "left_sparsity", "left_mean", "right_sparsity", "right_mean"})
      head.emplace_back(name);
  }
  std::string text = join(head, ",") + "\r\n";
  for (const auto& row : table.rows) {
    for (std::size_t column = 0; column < row.cells.size(); ++column) {
      const auto& cell = row.cells[column];
      if (cell.empty() || cell.blank) continue;
      std::vector<std::string> line;
      for (const auto& name : row.names) line.push_back(name_text(name));
      for (const auto& name : table.columns[table.column_of(column)]) line.push_back(name_text(name));
      line.push_back(csv_escaped(table.value_of(column).name));
      for (const auto& number : {cell.mean, low(cell), high(cell)}) line.push_back(number_text(number));
      line.push_back(std::to_string(cell.n));
      for (const auto& number : {cell.achieved_min, cell.achieved_max}) line.push_back(number_text(number));
      line.push_back(std::to_string(cell.failed));
      line.push_back(std::to_string(cell.missing));
      line.push_back(cell.mean ? number_text(cell.deviation) : "");
      for (const auto count : {cell.without - cell.not_numbers, cell.not_numbers, cell.diverged})
        line.push_back(std::to_string(count));
      line.push_back(csv_escaped(cell.verdict));
      for (const auto count : {cell.timed_out, cell.out_of_memory, cell.given_up})
        line.push_back(std::to_string(count));
      if (tested) {
        line.insert(line.end(), {number_text(cell.p_dense), name_of(cell.beside_dense), number_text(cell.p_best),
                                 name_of(cell.beside_best)});
      }
      if (table.has_levels) add_kind(cell, line);
      text += join(line, ",") + "\r\n";
    }
  }
  return text;
}

std::string json_table(const Table& table) {
  nlohmann::ordered_json document = {
      {"experiment", table.experiment}, {"value", table.value},      {"split", table.split},
      {"examples", table.examples},     {"rows", table.row_axes},    {"columns", table.column_axes},
      {"spread", table.spread},         {"caption", caption(table)}, {"cells", nlohmann::json::array()},
      {"footnotes", table.footnotes}};
  for (const auto& row : table.rows) {
    for (std::size_t column = 0; column < row.cells.size(); ++column) {
      const auto& cell = row.cells[column];
      if (cell.empty() || cell.blank) continue;
      nlohmann::ordered_json record;
      for (std::size_t i = 0; i < row.names.size(); ++i) record[table.row_axes[i]] = name_json(row.names[i]);
      for (std::size_t i = 0; i < table.column_axes.size(); ++i)
        record[table.column_axes[i]] = name_json(table.columns[table.column_of(column)][i]);
      record["dense"] = row.dense;
      record["value"] = table.value_of(column).name;
      record["mean"] = number_json(cell.mean);
      record["low"] = number_json(low(cell));
      record["high"] = number_json(high(cell));
      record["n"] = cell.n;
      record["achieved_min"] = number_json(cell.achieved_min);
      record["achieved_max"] = number_json(cell.achieved_max);
      record["failed"] = cell.failed;
      record["missing"] = cell.missing;
      record["sd"] = cell.mean ? nlohmann::json(cell.deviation) : nlohmann::json(nullptr);
      record["no_value"] = cell.without - cell.not_numbers;
      record["not_a_number"] = cell.not_numbers;
      record["diverged"] = cell.diverged;
      record["timed_out"] = cell.timed_out;
      record["out_of_memory"] = cell.out_of_memory;
      record["given_up"] = cell.given_up;
      if (table.has_levels) {
        record["kind"] = kind_of(cell);
        record["neighbours"] = nlohmann::json::array();
        for (const auto& one : cell.neighbours)
          record["neighbours"].push_back({{"sparsity", one.sparsity}, {"mean", one.mean}});
      }
      if (!cell.verdict.empty()) record["verdict"] = cell.verdict;
      if (marks_best(table)) record["best"] = cell.best;
      if (has_tests(table)) {
        record["p_dense"] = number_json(cell.p_dense);
        record["beside_dense"] = cell.p_dense ? nlohmann::json(name_of(cell.beside_dense)) : nlohmann::json(nullptr);
        record["p_best"] = number_json(cell.p_best);
        record["beside_best"] = cell.p_best ? nlohmann::json(name_of(cell.beside_best)) : nlohmann::json(nullptr);
      }
      document["cells"].push_back(std::move(record));
    }
  }
  // Names from files may hold bytes that are no UTF-8.
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace espalier::report
