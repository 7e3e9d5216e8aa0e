// The public views, made from code: what a database's views are is decided when it is opened, not when it was made.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <utility>
#include <vector>

namespace espalier::store {

// Names and the statements that make them, each after those that it reads.
const std::vector<std::pair<std::string, std::string>>& view_statements();

// Whether the views of a database are those that this program makes.
bool has_current_views(SQLite::Database& database);
// Makes them so, in the transaction that is open.
void make_views(SQLite::Database& database);

}  // namespace espalier::store
