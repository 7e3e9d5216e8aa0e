#include "browser_reader.h"

#include <algorithm>

#include "store/open/described_columns.h"
#include "store/open/reading_elsewhere.h"

namespace espalier::page {
namespace {

// `cell`, the row of the table of cells, is the page's own column.
const char* type_of(const std::string& table, const std::string& name) {
  const auto& columns = store::described_view(table).columns;
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& one) { return one.name == name; });
  if (found == columns.end()) return "integer";
  switch (found->type) {
    case store::ColumnType::Text: return "text";
    case store::ColumnType::Real: return "real";
    default: return "integer";
  }
}

}  // namespace

nlohmann::json browser_reader(const std::map<std::string, std::vector<std::string>>& columns) {
  const auto all = store::reading_elsewhere();
  auto typed = nlohmann::json::object();
  for (const auto& [table, names] : columns) {
    for (const auto& name : names) typed[table].push_back({name, type_of(table, name)});
  }
  return {{"application_id", all.application_id},
          {"migrations", all.migrations},
          {"views", all.views},
          {"questions", all.questions},
          {"columns", typed}};
}

}  // namespace espalier::page
