// The rows of a query as people and programs read them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/table.h"
#include "store/open/query.h"

namespace espalier::report {

struct QueryAnswer {
  std::vector<std::string> columns;  // several may have one name
  std::vector<std::vector<store::QueryValue>> rows;
  bool complete = true;  // false: there are more
};

// Terminal, Markdown, CSV or JSON, each with what is absent, binary or infinite told apart from texts and numbers:
//   terminal, Markdown  NULL (a text that reads NULL is quoted), x'00ff', inf
//   CSV                 an empty field (an empty text is ""), x'00ff', inf
//   JSON                null, {"blob": "00ff"}, "Infinity" (SQLite keeps no NaN); rows are lists in the order of `columns`
// Names and texts are escaped as the format asks for. Throws SettingsError for LaTeX.
std::string render(const QueryAnswer& answer, Format format);

// One value as a field of a CSV file.
std::string csv_value(const store::QueryValue& value);

}  // namespace espalier::report
