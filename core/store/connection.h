// One open database: the settings every connection needs, the schema brought up to date, values in and out, errors in our
// words.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <espalier/error.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::store {

// As they stand beside a cell's rank; 0: not known.
struct GroupsOfCell {
  std::int64_t base = 0, scores = 0;
};

struct ResultStore::State {
  std::filesystem::path file;
  std::unique_ptr<SQLite::Database> database;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements;
  // Of the cells that each worker claimed through this object, by worker: the latest first, a base group once. They are
  // forgotten with the object, as a worker's process forgets its models when it ends.
  std::map<std::string, std::vector<GroupsOfCell>> recent_groups = {};
  Surroundings around = real_surroundings();

  // Seconds since 1970, as leases and times of attempts are kept.
  double now() const { return around.now_seconds(); }

  // A prepared statement, reset and without bindings. Made once.
  SQLite::Statement& statement(const std::string& sql);
};

// While it lives, commits wait for no disk: of what a power cut may take back without a loss. A claim is: its worker is gone
// with the power, and its cell waits again. Not within a transaction.
class Unsynced {
 public:
  explicit Unsynced(ResultStore::State& state);
  ~Unsynced();
  Unsynced(const Unsynced&) = delete;
  Unsynced& operator=(const Unsynced&) = delete;

 private:
  ResultStore::State& state_;
};

// What SQLite says, as a sentence with the file and what to do.
[[noreturn]] void throw_translated(const std::filesystem::path& file, const SQLite::Exception& error);

// Runs `call`, with SQLite's errors in our words.
template <typename Call>
auto translated(const std::filesystem::path& file, const Call& call) {
  try {
    return call();
  } catch (const SQLite::Exception& error) {
    throw_translated(file, error);
  }
}

// Values into the parameters of a statement, and out of the columns of a row. What is absent is NULL: an empty text, an
// empty optional, what is no number.
inline void bind_value(SQLite::Statement& statement, int place, std::int64_t value) { statement.bind(place, value); }
inline void bind_value(SQLite::Statement& statement, int place, double value) { statement.bind(place, value); }
inline void bind_value(SQLite::Statement& statement, int place, bool value) { statement.bind(place, value ? 1 : 0); }
inline void bind_value(SQLite::Statement& statement, int place, const std::string& text) {
  if (!text.empty()) statement.bind(place, text);
}
template <typename T>
void bind_value(SQLite::Statement& statement, int place, const std::optional<T>& value) {
  if (value) bind_value(statement, place, *value);
}

// All of a statement's parameters in their order, from the place on.
template <typename... Values>
void bind_from(SQLite::Statement& statement, int place, const Values&... values) {
  (bind_value(statement, place++, values), ...);
}

inline void read_value(const SQLite::Column& column, std::int64_t& value) { value = column.getInt64(); }
inline void read_value(const SQLite::Column& column, bool& value) { value = column.getInt64() != 0; }
inline void read_value(const SQLite::Column& column, std::string& text) { text = column.getString(); }
inline void read_value(const SQLite::Column& column, double& value) {
  value = column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}
template <typename T>
void read_value(const SQLite::Column& column, std::optional<T>& value) {
  if (column.isNull()) return;
  value.emplace();
  read_value(column, *value);
}

// The columns of a row, from the first on.
template <typename... Values>
void read_row(SQLite::Statement& row, Values&... values) {
  int place = 0;
  (read_value(row.getColumn(place++), values), ...);
}

// What is left of a statement's rows, with the names of their columns.
Rows rows_of(SQLite::Statement& statement);

std::unique_ptr<SQLite::Database> open_database(const std::filesystem::path& file, Mode mode);

// Throws StoreError for a database of another program, of a newer schema, or in which nothing was ever recorded.
void refuse_other_schemas(SQLite::Database& database, const std::filesystem::path& file);

// A database in memory: its schema and views become today's. False: they were.
bool bring_up_to_date(SQLite::Database& database);

}  // namespace espalier::store
