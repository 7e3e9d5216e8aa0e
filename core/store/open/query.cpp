#include "store/open/query.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <set>

#include "connection.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::store {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int longest_value_bytes = 256 * 1024 * 1024;
constexpr int steps_between_looks = 20000;  // of SQLite's machine: some ten microseconds

struct Watched {
  std::optional<Clock::time_point> end;
  bool is_over = false;
  std::string refused;  // the first thing that was not allowed
};

// Pragmas that only describe, and take a name or nothing.
bool describes(std::string_view pragma) {
  static const std::set<std::string_view> names = {
      "table_info",   "table_xinfo",      "table_list",     "index_list",    "index_info",
      "index_xinfo",  "foreign_key_list", "collation_list", "function_list", "compile_options",
      "user_version", "application_id",   "page_count",     "page_size"};
  return names.contains(pragma);
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

// What an action is called by whoever writes SQL; null: it only reads.
const char* forbidden(int action, const std::string& one, const std::string& other) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return nullptr;
    case SQLITE_FUNCTION: return other == "load_extension" ? "load_extension" : nullptr;
    case SQLITE_PRAGMA: {
      const bool sets = (one == "user_version" || one == "application_id") && !other.empty();
      return describes(one) && !sets ? nullptr : "PRAGMA";
    }
    case SQLITE_ATTACH: return "ATTACH";
    case SQLITE_DETACH: return "DETACH";
    case SQLITE_INSERT: return "INSERT";
    case SQLITE_UPDATE: return "UPDATE";
    case SQLITE_DELETE: return "DELETE";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return "a transaction";
    case SQLITE_ANALYZE: return "ANALYZE";
    case SQLITE_REINDEX: return "REINDEX";
    case SQLITE_ALTER_TABLE: return "ALTER";
    default: return "a change of the schema";
  }
}

int authorize(void* watched, int action, const char* one, const char* other, const char*, const char*) {
  const auto* what = forbidden(action, text_or_empty(one), text_or_empty(other));
  if (what == nullptr) return SQLITE_OK;
  auto& refused = static_cast<Watched*>(watched)->refused;
  if (refused.empty()) refused = what;
  return SQLITE_DENY;
}

int look_at_clock(void* watched) {
  auto& state = *static_cast<Watched*>(watched);
  state.is_over = state.end && Clock::now() >= *state.end;
  return state.is_over ? 1 : 0;
}

// The statement's first word, where that is what is refused; else what it wanted to do on the way.
std::string refused_by_its_name(const std::string& sql, const std::string& wanted) {
  std::string word;
  for (const char c : sql.substr(std::min(sql.size(), sql.find_first_not_of(" \t\r\n")))) {
    if (std::isalpha(static_cast<unsigned char>(c)) == 0) break;
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  // A SELECT changes nothing itself: SQLite would make up a table for it, as pragma_database_list.
  const bool makes_up = wanted == "UPDATE" || wanted == "INSERT" || wanted == "DELETE";
  if (makes_up && (word == "SELECT" || word == "VALUES")) return "a table that SQLite would make up";
  const bool reads = word.empty() || word == "SELECT" || word == "WITH" || word == "VALUES" || word == "EXPLAIN";
  return reads ? wanted : word;
}

struct StatementEnd {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, StatementEnd>;

// "q.sql:2:8", as other messages name places; columns count bytes, as compilers do.
std::string place_of(const QueryText& text, std::size_t offset) {
  const auto before = std::string_view(text.sql).substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n');
  const auto column = line_start == std::string_view::npos ? offset + 1 : offset - line_start;
  return fmt::format("{}:{}:{}", printable_line(text.place), line, column);
}

QueryValue value_at(sqlite3_stmt* row, int column) {
  const auto bytes_of = [&](const void* content) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
    return content == nullptr ? std::string() : std::string(static_cast<const char*>(content), size);
  };
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL: return {};
    case SQLITE_INTEGER: return std::int64_t{sqlite3_column_int64(row, column)};
    case SQLITE_FLOAT: return sqlite3_column_double(row, column);
    case SQLITE_BLOB: return Bytes{bytes_of(sqlite3_column_blob(row, column))};
    default: return bytes_of(sqlite3_column_text(row, column));
  }
}

bool is_blank(sqlite3* database, const char* text) {
  // SQLite knows best what a comment is: of nothing but blanks and comments it makes no statement.
  while (text != nullptr && *text != '\0') {
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v2(database, text, -1, &statement, &rest);
    const Prepared owned(statement);
    if (code != SQLITE_OK || statement != nullptr) return false;
    if (rest == text) break;
    text = rest;
  }
  return true;
}

}  // namespace

struct QueryConnection::State {
  std::filesystem::path file;
  std::unique_ptr<SQLite::Database> database;
  Watched watched = {};

  sqlite3* handle() { return database->getHandle(); }
  std::vector<std::string> names(const std::string& select);
  std::string nearest(const std::string& said);
  [[noreturn]] void refuse(const QueryText& text, int code);
};

// Of the schema, which is asked without the guard: it is ours.
std::vector<std::string> QueryConnection::State::names(const std::string& select) {
  std::vector<std::string> names;
  SQLite::Statement statement(*database, select);
  while (statement.executeStep()) names.push_back(statement.getColumn(0).getString());
  return names;
}

// After "no such column: x" and the like: the nearest name there is; else nothing.
std::string QueryConnection::State::nearest(const std::string& said) {
  const auto part_after = [&](std::string_view start) -> std::optional<std::string> {
    if (!said.starts_with(start)) return std::nullopt;
    auto name = said.substr(start.size());
    const auto dot = name.rfind('.');
    return dot == std::string::npos ? name : name.substr(dot + 1);
  };
  const auto hint = [&](const std::string& name, const std::string& select) {
    const auto near = nearest_name(name, names(select));
    return near ? did_you_mean(name, *near) : std::string();
  };
  if (const auto name = part_after("no such column: ")) {
    return hint(*name,
                "SELECT DISTINCT info.name FROM sqlite_master AS made, pragma_table_info(made.name) AS info WHERE "
                "made.type = 'view'") +
           "\n    the views are cells, points, ablation and latencies; docs/open-data.md has their columns";
  }
  if (const auto name = part_after("no such table: ")) {
    return hint(*name, "SELECT name FROM sqlite_master WHERE type IN ('view', 'table')") +
           "\n    the views are cells, points, ablation and latencies";
  }
  if (const auto name = part_after("no such function: "))
    return hint(*name, "SELECT DISTINCT name FROM pragma_function_list");
  return {};
}

void QueryConnection::State::refuse(const QueryText& text, int code) {
  const std::string said = sqlite3_errmsg(handle());
  int offset = -1;
#if SQLITE_VERSION_NUMBER >= 3038000
  offset = sqlite3_error_offset(handle());
#endif
  if (offset < 0) {  // SQLite does not say where an unknown table or function stands
    const auto name = text.sql.find(said.substr(said.rfind(' ') + 1));
    offset = said.starts_with("no such") && name != std::string::npos ? static_cast<int>(name) : 0;
  }
  const auto place = place_of(text, static_cast<std::size_t>(offset));
  if (watched.is_over) {
    throw SettingsError(
        fmt::format("{}: took longer than its limit and was stopped\n    ask for less, or give it longer "
                    "with --timeout",
                    place));
  }
  if (!watched.refused.empty()) {
    throw SettingsError(fmt::format("{}: {} is refused: a query only reads, expected SELECT, WITH or VALUES", place,
                                    refused_by_its_name(text.sql, watched.refused)));
  }
  if (code == SQLITE_ERROR) {
    sqlite3_set_authorizer(handle(), nullptr, nullptr);
    throw SettingsError(fmt::format("{}: {}{}", place, printable_line(said), nearest(said)));
  }
  if (code == SQLITE_TOOBIG || code == SQLITE_NOMEM)
    throw SettingsError(fmt::format("{}: a value becomes too long ({})\n    ask for less", place, said));
  throw_translated(file, SQLite::Exception(handle(), code));
}

QueryConnection::QueryConnection(const std::filesystem::path& database) : state_(std::make_unique<State>()) {
  state_->file = database;
  state_->database = open_database(database, Mode::ReadOnly);
  auto* handle = state_->handle();
  translated(database, [&] { state_->database->exec("PRAGMA query_only = ON"); });
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, longest_value_bytes);
  // Tables that SQLite makes of functions are made at their first use, which the guard would take for a change.
  for (const char* made :
       {"pragma_table_info('cells')", "pragma_table_xinfo('cells')", "pragma_table_list", "pragma_index_list('cell')",
        "pragma_index_info('cell')", "pragma_function_list", "json_each('[]')", "json_tree('[]')"})
    state_->database->tryExec(std::string("SELECT * FROM ") + made);
}

QueryConnection::~QueryConnection() = default;

QueryEnd QueryConnection::run(const QueryText& text, const QueryLimits& limits,
                              const std::function<void(const std::vector<std::string>&)>& columns,
                              const std::function<void(const std::vector<QueryValue>&)>& row) {
  auto* handle = state_->handle();
  auto& watched = state_->watched = {};
  if (limits.seconds)
    watched.end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(*limits.seconds));
  if (const auto zero = text.sql.find('\0'); zero != std::string::npos)
    throw SettingsError(place_of(text, zero) + ": a byte that is zero, expected the text of a query");
  sqlite3_set_authorizer(handle, authorize, &watched);
  sqlite3_progress_handler(handle, steps_between_looks, look_at_clock, &watched);
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  int code = sqlite3_prepare_v2(handle, text.sql.c_str(), static_cast<int>(text.sql.size()), &made, &rest);
  const Prepared statement(made);
  if (code != SQLITE_OK) state_->refuse(text, code);
  if (made == nullptr) throw SettingsError(text.place + ": is empty, expected a query, as in SELECT * FROM ablation");
  if (!is_blank(handle, rest)) {
    throw SettingsError(place_of(text, static_cast<std::size_t>(rest - text.sql.c_str())) +
                        ": a second statement, expected one query\n    put each into a command of its own");
  }
  const int count = sqlite3_column_count(made);
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(text_or_empty(sqlite3_column_name(made, i)));
  columns(names);
  QueryEnd end;
  std::vector<QueryValue> values(static_cast<std::size_t>(count));
  while ((code = sqlite3_step(made)) == SQLITE_ROW) {
    if (limits.rows && end.rows == *limits.rows) return {end.rows, false};
    for (int i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = value_at(made, i);
    row(values);
    ++end.rows;
  }
  if (code != SQLITE_DONE) state_->refuse(text, code);
  return end;
}

std::vector<std::string> QueryConnection::columns_of(std::string_view view) {
  sqlite3_set_authorizer(state_->handle(), nullptr, nullptr);
  return translated(state_->file, [&] {
    std::vector<std::string> names;
    SQLite::Statement select(*state_->database, "SELECT name FROM pragma_table_info(?)");
    select.bind(1, std::string(view));
    while (select.executeStep()) names.push_back(select.getColumn(0).getString());
    return names;
  });
}

}  // namespace espalier::store
