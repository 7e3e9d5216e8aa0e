// Tables for a terminal and for Markdown; which format is which.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "axes.h"
#include "escaping.h"
#include "rendering.h"
#include "words/names.h"

namespace espalier::report {
namespace {

using Lines = std::vector<std::vector<std::string>>;

constexpr std::size_t gap = 2;

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return to_the_right ? space + text : text + space;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

// Names to the left, what is measured to the right.
std::string aligned(const std::vector<std::string>& line, const std::vector<std::size_t>& widths,
                    std::size_t name_count) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (i > 0) text += std::string(gap, ' ');
    text += padded(line[i], widths[i], i >= name_count);
  }
  return without_trailing_spaces(text) + "\n";
}

std::vector<std::string> body_line(const TableRow& row, const Table& table) {
  std::vector<std::string> line;
  for (const auto& name : row.names) line.push_back(printable(name.text));
  for (const auto& cell : row.cells) line.push_back(cell_text(cell, row, table, "±"));
  return line;
}

}  // namespace

std::string cell_text(const TableCell& cell, const TableRow& row, const Table& table, std::string_view plus_minus) {
  if (cell.empty()) return "-";
  std::vector<std::string> remarks;
  if (!cell.mean) {
    if (cell.missing + cell.without == 0) return "failed";
    if (cell.failed + cell.without == 0) return "...";
    if (cell.failed + cell.missing == 0) return "no value";
  }
  if (cell.failed > 0) remarks.push_back(fmt::format("{} failed", cell.failed));
  if (cell.without > 0) remarks.push_back(fmt::format("{} no value", cell.without));
  if (cell.missing > 0) remarks.push_back(fmt::format("{} ...", cell.missing));
  std::string text;
  if (cell.mean) text = fmt::format("{:.{}f}", *cell.mean, table.decimals);
  if (cell.half_width > 0) text += fmt::format(" {} {:.{}f}", plus_minus, cell.half_width, table.decimals);
  const bool says_n = row.dense ? cell.n > 1 && cell.n != table.common_n : cell.n > 1 && table.common_n == 0;
  if (says_n) text += fmt::format(" n={}", cell.n);
  if (remarks.empty()) return text;
  return (text.empty() ? "" : text + " ") + "(" + join(remarks) + ")";
}

std::string caption(const Table& table) { return table.experiment + ": " + table.value; }

std::string terminal_table(const Table& table) {
  const auto name_count = table.row_axes.size();
  // One line for each column axis: its name over the row names' last column, its values over their columns.
  Lines head;
  for (std::size_t axis = 0; axis < table.column_axes.size(); ++axis) {
    std::vector<std::string> line(name_count);
    line.back() = printable(table.column_axes[axis]) + " →";
    for (const auto& column : table.columns) line.push_back(printable(column[axis].text));
    head.push_back(line);
  }
  std::vector<std::string> names;
  for (const auto& axis : table.row_axes) names.push_back(printable(axis));
  names.resize(name_count + table.columns.size());
  head.push_back(names);
  Lines body;
  for (const auto& row : table.rows) body.push_back(body_line(row, table));

  std::vector<std::size_t> widths(name_count + table.columns.size());
  for (const auto* lines : {&head, &body}) {
    for (const auto& line : *lines) {
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
    }
  }
  std::size_t total = gap * (widths.size() - 1);
  for (const auto width : widths) total += width;
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "─";

  std::string text = printable(caption(table)) + "\n\n";
  for (const auto& line : head) text += aligned(line, widths, name_count);
  text += rule + "\n";
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (i > 0 && table.rows[i - 1].dense && !table.rows[i].dense) text += rule + "\n";
    text += aligned(body[i], widths, name_count);
  }
  text += rule + "\n";
  for (const auto& note : table.footnotes) text += printable(note) + "\n";
  return text;
}

std::string markdown_table(const Table& table) {
  const auto line_of = [](const std::vector<std::string>& fields) { return "| " + join(fields, " | ") + " |\n"; };
  std::vector<std::string> head, rule;
  for (const auto& axis : table.row_axes) {
    head.push_back(markdown_escaped(axis));
    rule.emplace_back("---");
  }
  for (const auto& column : table.columns) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const auto& axis = table.column_axes[i];
      names.push_back(names_itself(axis, column[i]) ? column[i].text : axis + " " + column[i].text);
    }
    head.push_back(markdown_escaped(join(names)));
    rule.emplace_back("---:");
  }
  std::string text = "**" + markdown_escaped(caption(table)) + "**\n\n" + line_of(head) + line_of(rule);
  for (const auto& row : table.rows) {
    std::vector<std::string> line;
    for (const auto& name : row.names) line.push_back(markdown_escaped(name.text));
    for (const auto& cell : row.cells) line.push_back(markdown_escaped(cell_text(cell, row, table, "±")));
    text += line_of(line);
  }
  text += "\n";
  for (const auto& note : table.footnotes) text += "- " + markdown_escaped(note) + "\n";
  return text;
}

Format format_from(const std::string& name) {
  if (name == "terminal") return Format::Terminal;
  if (name == "markdown") return Format::Markdown;
  if (name == "csv") return Format::Csv;
  if (name == "latex") return Format::Latex;
  if (name == "json") return Format::Json;
  throw SettingsError(unknown_name("format", name, {"terminal", "markdown", "csv", "latex", "json"}));
}

std::string render(const Table& table, Format format) {
  switch (format) {
    case Format::Terminal: return terminal_table(table);
    case Format::Markdown: return markdown_table(table);
    case Format::Csv: return csv_table(table);
    case Format::Latex: return latex_table(table);
    case Format::Json: return json_table(table);
  }
  return "";
}

}  // namespace espalier::report
