// What the page is told so that it reads databases in the browser as this program reads them.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace espalier::page {

// {"application_id", "migrations": [SQL, ..], "views": [[name, SQL], ..], "questions": [[name, SQL], ..],
// "columns": {TABLE: [[name, text, integer or real], ..]}}. `columns`: by table, what the page holds of it.
nlohmann::json browser_reader(const std::map<std::string, std::vector<std::string>>& columns);

}  // namespace espalier::page
