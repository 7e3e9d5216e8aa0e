// Tables for a terminal and for Markdown; which format is which.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "axes.h"
#include "marks/cut_cells.h"
#include "rendering.h"
#include "report/escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

using Lines = std::vector<std::vector<std::string>>;

constexpr std::size_t gap = 2;

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
  for (std::size_t at = 0; at < row.cells.size(); ++at)
    line.push_back(cell_text(row, at, table) + (row.cells[at].best ? "*" : ""));
  return line;
}

// Better or worse than the unpruned model; not told apart from the best of the column.
std::string signs_of(const TableCell& cell) {
  std::string signs;
  if (cell.beside_dense == Tested::Better) signs += "↑";
  if (cell.beside_dense == Tested::Worse) signs += "↓";
  if (cell.beside_best == Tested::Same) signs += "≈";
  return signs;
}

std::string mean_text(const TableCell& cell, const TableValue& value) {
  const double scale = value.percent ? 100 : 1;
  auto text = fmt::format("{:.{}f}", *cell.mean * scale, value.decimals);
  if (cell.half_width > 0) text += fmt::format(" ± {:.{}f}", cell.half_width * scale, value.decimals);
  if (cell.low && cell.high) {
    text += fmt::format(" [{:.{}f}, {:.{}f}]", *cell.low * scale, value.decimals, *cell.high * scale, value.decimals);
  }
  return text;
}

// Beside the first value of a column; where sparsity is itself what is shown, it says it.
bool shows_achieved(const TableCell& cell, std::size_t at, const Table& table) {
  return cell.mean && cell.off_request && at % table.shown().size() == 0 &&
         table.value_of(at).name != "achieved_sparsity";
}

std::string achieved_text(const TableCell& cell) {
  const auto low = fmt::format("{:.3f}", *cell.achieved_min), high = fmt::format("{:.3f}", *cell.achieved_max);
  return low == high ? fmt::format("at {}", low) : fmt::format("at {} to {}", low, high);
}

}  // namespace

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return to_the_right ? space + text : text + space;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::vector<std::vector<std::string>> head_lines(const Table& table) {
  const auto values = table.shown();
  std::vector<std::vector<std::string>> lines;
  for (std::size_t axis = 0; axis < table.column_axes.size(); ++axis) {
    auto& line = lines.emplace_back();
    for (const auto& column : table.columns) line.insert(line.end(), values.size(), column[axis].text);
  }
  if (values.size() < 2) return lines;
  auto& line = lines.emplace_back();
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    for (const auto& value : values) line.push_back(value.name);
  }
  return lines;
}

std::vector<std::string> head_names(const Table& table) {
  auto names = table.column_axes;
  if (table.shown().size() > 1) names.emplace_back("value");
  return names;
}

std::string cell_text(const TableRow& row, std::size_t at, const Table& table) {
  const auto& cell = row.cells[at];
  if (cell.blank) return "";
  if (cell.empty()) return "-";
  std::vector<std::string> remarks;
  if (!cell.mean) {
    if (cell.missing + cell.without == 0) return mark_of_failed(cell);
    if (cell.failed + cell.without == 0) return "...";
    if (cell.failed + cell.missing == 0) return cell.not_numbers == cell.without ? "not a number" : "no value";
  }
  if (shows_achieved(cell, at, table)) remarks.push_back(achieved_text(cell));
  for (const auto& remark : remarks_on_failed(cell)) remarks.push_back(remark);
  if (cell.not_numbers > 0) remarks.push_back(fmt::format("{} not a number", cell.not_numbers));
  if (cell.without > cell.not_numbers) remarks.push_back(fmt::format("{} no value", cell.without - cell.not_numbers));
  if (cell.missing > 0) remarks.push_back(fmt::format("{} ...", cell.missing));
  if (cell.diverged > 0)
    remarks.push_back(cell.n == 1 ? std::string("diverged") : fmt::format("{} diverged", cell.diverged));
  std::string text;
  if (cell.mean) text = mean_text(cell, table.value_of(at)) + (cell.interpolated() ? "†" : "");
  if (!cell.verdict.empty()) text += " " + cell.verdict;
  const auto sign = signs_of(cell);
  if (!sign.empty() && cell.mean) text += " " + sign;
  const bool says_n = row.dense ? cell.n > 1 && cell.n != table.common_n : cell.n > 1 && table.common_n == 0;
  if (says_n) text += fmt::format(" n={}", cell.n);
  if (remarks.empty()) return text;
  return (text.empty() ? "" : text + " ") + "(" + join(remarks) + ")";
}

std::string caption(const Table& table) {
  return table.caption.empty() ? table.experiment + ": " + table.value : table.caption;
}

bool has_tests(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(), [](const TableRow& row) {
    return std::any_of(row.cells.begin(), row.cells.end(),
                       [](const TableCell& cell) { return cell.p_dense.has_value() || cell.p_best.has_value(); });
  });
}

const char* name_of(Tested tested) {
  switch (tested) {
    case Tested::Not: return "";
    case Tested::Same: return "same";
    case Tested::Better: return "better";
    case Tested::Worse: return "worse";
  }
  return "";
}

bool marks_best(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(), [](const TableRow& row) {
    return std::any_of(row.cells.begin(), row.cells.end(), [](const TableCell& cell) { return cell.best; });
  });
}

std::string terminal_table(const Table& table) {
  const auto name_count = table.row_axes.size();
  // One line for each column axis: its name over the row names' last column, its values over their columns.
  Lines head;
  const auto labels = head_lines(table);
  const auto axes = head_names(table);
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    std::vector<std::string> line(name_count);
    line.back() = printable(axes[axis]) + " →";
    for (const auto& label : labels[axis]) line.push_back(printable(label));
    head.push_back(line);
  }
  const auto field_count = name_count + table.columns.size() * table.shown().size();
  std::vector<std::string> names;
  for (const auto& axis : table.row_axes) names.push_back(printable(axis));
  names.resize(field_count);
  head.push_back(names);
  Lines body;
  for (const auto& row : table.rows) body.push_back(body_line(row, table));

  std::vector<std::size_t> widths(field_count);
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
  if (marks_best(table)) text += "*: the best of its column\n";
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
  const auto values = table.shown();
  for (const auto& column : table.columns) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const auto& axis = table.column_axes[i];
      names.push_back(names_itself(axis, column[i]) ? column[i].text : axis + " " + column[i].text);
    }
    for (const auto& value : values) {
      head.push_back(markdown_escaped(join(names) + (values.size() > 1 ? ", " + value.name : "")));
      rule.emplace_back("---:");
    }
  }
  std::string text = "**" + markdown_escaped(caption(table)) + "**\n\n" + line_of(head) + line_of(rule);
  for (const auto& row : table.rows) {
    std::vector<std::string> line;
    for (const auto& name : row.names) line.push_back(markdown_escaped(name.text));
    for (std::size_t at = 0; at < row.cells.size(); ++at) {
      const auto field = markdown_escaped(cell_text(row, at, table));
      line.push_back(row.cells[at].best ? "**" + field + "**" : field);
    }
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
  if (name == "typst") return Format::Typst;
  if (name == "json") return Format::Json;
  throw SettingsError(unknown_name("format", name, {"terminal", "markdown", "csv", "latex", "typst", "json"}));
}

std::string render(const Table& table, Format format) {
  switch (format) {
    case Format::Terminal: return terminal_table(table);
    case Format::Markdown: return markdown_table(table);
    case Format::Csv: return csv_table(table);
    case Format::Latex: return latex_table(table);
    case Format::Typst: return typst_table(table);
    case Format::Json: return json_table(table);
  }
  return "";
}

}  // namespace espalier::report
