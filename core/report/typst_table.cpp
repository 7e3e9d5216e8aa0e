// Tables for papers written in Typst. Every text is a string, in which nothing but a quote and a backslash means anything.
#include <fmt/format.h>

#include "rendering.h"
#include "report/escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string head(const Table& table, std::size_t columns) {
  std::string text = "    table.header(\n";
  if (columns > 0) {
    text += "      ";
    for (std::size_t i = 0; i < table.row_axes.size(); ++i) text += "\"\", ";
    text += fmt::format("table.cell(colspan: {}, align: center, {}),\n", columns, quoted(join(head_names(table))));
  }
  const auto lines = head_lines(table);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string> fields;
    for (const auto& name : table.row_axes) fields.push_back(i + 1 == lines.size() ? quoted(name) : "\"\"");
    for (const auto& label : lines[i]) fields.push_back(quoted(label));
    text += "      " + join(fields, ", ") + ",\n";
  }
  return text + "    ),\n";
}

}  // namespace

std::string typst_table(const Table& table) {
  const auto names = table.row_axes.size(), columns = table.columns.size() * table.shown().size();
  std::string text = fmt::format("#figure(\n  caption: {},\n  table(\n    columns: {}, stroke: none,\n    align: (",
                                 quoted(caption(table)), names + columns);
  for (std::size_t i = 0; i < names + columns; ++i) text += i < names ? "left, " : "right, ";
  text += "),\n    table.hline(),\n" + head(table, columns) + "    table.hline(stroke: 0.5pt),\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto& row = table.rows[i];
    if (i > 0 && table.rows[i - 1].dense && !row.dense) text += "    table.hline(stroke: 0.5pt),\n";
    std::vector<std::string> fields;
    for (const auto& name : row.names) fields.push_back(quoted(name.text));
    for (std::size_t at = 0; at < row.cells.size(); ++at) {
      const auto field = quoted(cell_text(row, at, table));
      fields.push_back(row.cells[at].best ? "strong(" + field + ")" : field);
    }
    text += "    " + join(fields, ", ") + ",\n";
  }
  text += "    table.hline(),\n  ),\n)\n";
  for (const auto& note : table.footnotes) text += "#text(size: 0.8em, " + quoted(note + ".") + ") \\\n";
  return text;
}

}  // namespace espalier::report
