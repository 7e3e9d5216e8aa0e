// Tables of one to three row and column axes, and of one or two values, written in each format and read back cell by cell.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "report/table.h"

namespace espalier::report {
namespace {

using Fields = std::vector<std::string>;
// What stands at these names of rows, of columns, and this value.
using Content = std::map<std::pair<Fields, Fields>, std::string>;

// Every combination of two names for each of so many axes.
std::vector<Fields> combinations(std::size_t axes, const std::string& letter) {
  std::vector<Fields> all{{}};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    std::vector<Fields> longer;
    for (const auto& fields : all) {
      for (const char* name : {"one", "two"}) {
        auto more = fields;
        more.push_back(letter + std::to_string(axis) + name);
        longer.push_back(more);
      }
    }
    all = longer;
  }
  return all;
}

std::vector<AxisValue> named(const Fields& fields) {
  std::vector<AxisValue> names;
  for (const auto& field : fields) names.push_back({field, {}});
  return names;
}

struct Sample {
  Table table;
  Content content;  // as people read it
};

Sample sample(std::size_t row_axes, std::size_t column_axes, std::size_t values) {
  Sample made;
  auto& table = made.table;
  table.experiment = "demo";
  table.value = "accuracy";
  for (std::size_t i = 0; i < row_axes; ++i) table.row_axes.push_back("row" + std::to_string(i));
  for (std::size_t i = 0; i < column_axes; ++i) table.column_axes.push_back("column" + std::to_string(i));
  if (values > 1) table.values = {{"accuracy", 3, false}, {"macro_f1", 3, false}};
  const auto columns = combinations(column_axes, "c");
  for (const auto& column : columns) table.columns.push_back(named(column));
  int number = 100;
  for (const auto& row : combinations(row_axes, "r")) {
    TableRow line{named(row), false, {}};
    for (const auto& column : columns) {
      for (std::size_t value = 0; value < values; ++value) {
        TableCell cell;
        cell.mean = ++number / 1000.0;
        cell.n = 1;
        line.cells.push_back(cell);
        auto where = column;
        where.push_back(value == 0 ? "accuracy" : "macro_f1");
        made.content[{row, where}] = "0." + std::to_string(number);
      }
    }
    table.rows.push_back(line);
  }
  table.common_n = 1;
  return made;
}

Fields split(const std::string& text, const std::string& separator) {
  Fields fields;
  std::size_t begin = 0;
  for (auto end = text.find(separator); end != std::string::npos; end = text.find(separator, begin)) {
    fields.push_back(text.substr(begin, end - begin));
    begin = end + separator.size();
  }
  fields.push_back(text.substr(begin));
  return fields;
}

Fields lines_of(const std::string& text) {
  auto lines = split(text, "\n");
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// What is at least two spaces apart.
Fields words_of(const std::string& line) {
  Fields words;
  for (const auto& part : split(line, "  ")) {
    if (!trimmed(part).empty()) words.push_back(trimmed(part));
  }
  return words;
}

// From lines of a head, one label a column in each, and lines of the body.
Content from_lines(const std::vector<Fields>& head, const std::vector<Fields>& body, const Table& table) {
  Content content;
  const auto names = table.row_axes.size();
  for (const auto& line : body) {
    const Fields row(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(names));
    EXPECT_EQ(line.size() - names, head.front().size());
    for (std::size_t i = names; i < line.size(); ++i) {
      Fields column;
      for (const auto& labels : head) column.push_back(labels.at(i - names));
      if (table.values.empty()) column.push_back("accuracy");
      content[{row, column}] = line[i];
    }
  }
  return content;
}

Content from_terminal(const std::string& text, const Table& table) {
  std::vector<Fields> head, body;
  bool in_body = false;
  const auto lines = lines_of(text);
  for (std::size_t i = 2; i < lines.size(); ++i) {
    if (lines[i].starts_with("─")) {
      if (in_body) break;
      in_body = true;
      head.pop_back();  // the names of the rows
      continue;
    }
    auto words = words_of(lines[i]);
    if (!in_body && i < 2 + table.column_axes.size() + (table.values.empty() ? 0 : 1)) {
      EXPECT_TRUE(words[0].ends_with(" →"));
      words.erase(words.begin());
    }
    (in_body ? body : head).push_back(words);
  }
  return from_lines(head, body, table);
}

Content from_markdown(const std::string& text, const Table& table) {
  Content content;
  Fields head;
  for (const auto& line : lines_of(text)) {
    if (!line.starts_with("| ") || line.starts_with("| ---")) continue;
    const auto fields = split(line.substr(2, line.size() - 4), " | ");
    if (head.empty()) {
      head = fields;
      continue;
    }
    EXPECT_EQ(fields.size(), head.size());
    const auto names = table.row_axes.size();
    const Fields row(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(names));
    for (std::size_t i = names; i < fields.size(); ++i) {
      Fields column;
      for (const auto& part : split(head[i], ", ")) column.push_back(part.substr(part.find(' ') + 1));
      if (table.values.empty()) column.push_back("accuracy");
      content[{row, column}] = fields[i];
    }
  }
  return content;
}

Content from_latex(const std::string& text, const Table& table) {
  const auto names = table.row_axes.size();
  const auto columns = table.columns.size() * table.shown().size();
  EXPECT_NE(text.find("\\begin{tabular}{" + std::string(names, 'l') + std::string(columns, 'r') + "}\n"),
            std::string::npos);
  std::vector<Fields> head, body;
  auto* lines = &head;
  const auto from = text.find("\\toprule\n") + 9;
  for (const auto& line : lines_of(text.substr(from, text.find("\\bottomrule") - from))) {
    if (line == "\\midrule") {
      lines = &body;
      continue;
    }
    EXPECT_TRUE(line.ends_with(" \\\\")) << line;
    Fields fields;
    for (const auto& field : split(line.substr(0, line.size() - 3), "&")) fields.push_back(trimmed(field));
    if (fields.back().starts_with("\\multicolumn{")) {
      EXPECT_EQ(fields.size(), names + 1) << line;
      EXPECT_TRUE(fields.back().starts_with("\\multicolumn{" + std::to_string(columns) + "}")) << line;
      continue;
    }
    EXPECT_EQ(fields.size(), names + columns) << line;
    for (auto& field : fields) {
      while (field.find("\\_") != std::string::npos) field.erase(field.find("\\_"), 1);
    }
    lines->push_back(fields);
  }
  for (std::size_t i = 0; i < names; ++i) EXPECT_EQ(head.back()[i], table.row_axes[i]);
  for (auto& line : head) line.erase(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(names));
  return from_lines(head, body, table);
}

std::string three_digits(double value) {
  auto text = std::to_string(value);
  return text.substr(0, 5);
}

Content from_csv(const std::string& text, const Table& table) {
  Content content;
  const auto lines = split(text, "\r\n");
  const auto head = split(lines[0], ",");
  const auto names = table.row_axes.size(), axes = table.column_axes.size();
  EXPECT_EQ(head[names + axes], "value");
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const auto fields = split(lines[i], ",");
    EXPECT_EQ(fields.size(), head.size());
    const auto at = [&](std::size_t place) { return fields.begin() + static_cast<std::ptrdiff_t>(place); };
    content[{Fields(at(0), at(names)), Fields(at(names), at(names + axes + 1))}] =
        three_digits(std::stod(fields[names + axes + 1]));
  }
  return content;
}

Content from_json(const std::string& text, const Table& table) {
  Content content;
  const auto document = nlohmann::json::parse(text);
  for (const auto& cell : document["cells"]) {
    Fields row, column;
    for (const auto& axis : table.row_axes) row.push_back(cell[axis]);
    for (const auto& axis : table.column_axes) column.push_back(cell[axis]);
    column.push_back(cell["value"]);
    content[{row, column}] = three_digits(cell["mean"].get<double>());
  }
  return content;
}

TEST(ReadBack, EveryFormatHoldsEveryCellAtItsPlace) {
  for (std::size_t rows = 1; rows <= 3; ++rows) {
    for (std::size_t columns = 1; columns <= 3; ++columns) {
      for (std::size_t values = 1; values <= 2; ++values) {
        SCOPED_TRACE(std::to_string(rows) + " row axes, " + std::to_string(columns) + " column axes, " +
                     std::to_string(values) + " values");
        const auto made = sample(rows, columns, values);
        const auto& table = made.table;
        EXPECT_EQ(from_terminal(render(table, Format::Terminal), table), made.content)
            << render(table, Format::Terminal);
        EXPECT_EQ(from_markdown(render(table, Format::Markdown), table), made.content)
            << render(table, Format::Markdown);
        EXPECT_EQ(from_latex(render(table, Format::Latex), table), made.content) << render(table, Format::Latex);
        EXPECT_EQ(from_csv(render(table, Format::Csv), table), made.content) << render(table, Format::Csv);
        EXPECT_EQ(from_json(render(table, Format::Json), table), made.content) << render(table, Format::Json);
      }
    }
  }
}

// A name may be empty: it is a field all the same.
TEST(ReadBack, EmptyNamesKeepTheirPlace) {
  auto made = sample(2, 2, 1);
  for (auto& row : made.table.rows) row.names[0].text.clear();

  const auto lines = split(render(made.table, Format::Csv), "\r\n");
  for (std::size_t i = 1; i + 1 < lines.size(); ++i)
    EXPECT_EQ(split(lines[i], ",").size(), split(lines[0], ",").size()) << lines[i];
  const auto latex = render(made.table, Format::Latex);
  EXPECT_NE(latex.find("\n & r1one & 0.101 & 0.102 & 0.103 & 0.104 \\\\\n"), std::string::npos) << latex;
}

}  // namespace
}  // namespace espalier::report
