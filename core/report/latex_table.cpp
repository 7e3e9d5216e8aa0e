// Tables for papers: booktabs, nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rendering.h"
#include "report/escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

// Between escaped names and numbers: only these signs are put in after escaping.
std::string with_signs(const std::string& escaped) {
  static const std::vector<std::pair<std::string, std::string>> signs = {
      {"±", "$\\pm$"}, {"↑", "$\\uparrow$"}, {"↓", "$\\downarrow$"}, {"≈", "$\\approx$"}, {"†", "$\\dagger$"}};
  std::string out;
  for (std::size_t at = 0; at < escaped.size();) {
    const auto found = std::find_if(signs.begin(), signs.end(), [&](const auto& sign) {
      return escaped.compare(at, sign.first.size(), sign.first) == 0;
    });
    if (found == signs.end()) {
      out += escaped[at++];
    } else {
      out += found->second;
      at += found->first.size();
    }
  }
  return out;
}

std::string line_of(const std::vector<std::string>& fields) { return join(fields, " & ") + " \\\\\n"; }

// What the columns are, then a line for each of it; the last one also names the rows.
std::string latex_head(const Table& table, std::size_t name_count, std::size_t column_count) {
  std::string text;
  if (column_count > 0) {
    for (std::size_t i = 0; i < name_count; ++i) text += "& ";
    text += fmt::format("\\multicolumn{{{}}}{{c}}{{{}}} \\\\\n", column_count, latex_escaped(join(head_names(table))));
  }
  const auto lines = head_lines(table);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool last = i + 1 == lines.size();
    std::vector<std::string> line;
    for (const auto& name : table.row_axes) line.push_back(last ? latex_escaped(name) : "");
    for (const auto& label : lines[i]) line.push_back(latex_escaped(label));
    text += line_of(line);
  }
  return text;
}

}  // namespace

std::string latex_table(const Table& table) {
  const auto name_count = table.row_axes.size(), column_count = table.columns.size() * table.shown().size();
  std::string text =
      "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\caption{" + latex_escaped(caption(table)) + "}\n";
  text += "\\begin{tabular}{" + std::string(name_count, 'l') + std::string(column_count, 'r') + "}\n\\toprule\n";
  text += latex_head(table, name_count, column_count);
  text += "\\midrule\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto& row = table.rows[i];
    if (i > 0 && table.rows[i - 1].dense && !row.dense) text += "\\midrule\n";
    std::vector<std::string> line;
    for (const auto& name : row.names) line.push_back(latex_escaped(name.text));
    for (std::size_t at = 0; at < row.cells.size(); ++at) {
      const auto cell = with_signs(latex_escaped(cell_text(row, at, table)));
      line.push_back(row.cells[at].best ? "{\\boldmath\\textbf{" + cell + "}}" : cell);
    }
    text += line_of(line);
  }
  text += "\\bottomrule\n\\end{tabular}\n\n\\smallskip\n\\begin{minipage}{\\linewidth}\\footnotesize\n";
  for (std::size_t i = 0; i < table.footnotes.size(); ++i) {
    text += with_signs(latex_escaped(table.footnotes[i])) + (i + 1 < table.footnotes.size() ? ".\\\\\n" : ".\n");
  }
  return text + "\\end{minipage}\n\\end{table}\n";
}

}  // namespace espalier::report
