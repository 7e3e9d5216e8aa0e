// Rows of a statement, and of a table those that belong to some of its numbers.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"
#include "store/coded/coded_rows.h"

namespace espalier::store {

inline std::string_view text_in(const SQLite::Column& column) {
  // As it lies there: asked for as a text, SQLite would copy it for a zero at its end.
  const auto* text = static_cast<const char*>(column.getBlob());
  return {text, static_cast<std::size_t>(column.getBytes())};
}

inline Value value_in(const SQLite::Column& column) {
  switch (column.getType()) {
    case SQLITE_NULL: return {};
    case SQLITE_INTEGER: return {Value::Kind::Integer, column.getInt64(), 0, {}};
    case SQLITE_FLOAT: return {Value::Kind::Real, 0, column.getDouble(), {}};
    default: return {Value::Kind::Text, 0, 0, column.getString()};
  }
}

inline void add(const SQLite::Column& column, CodedColumn& into) {
  switch (column.getType()) {
    case SQLITE_NULL: into.add_null(); break;
    case SQLITE_INTEGER: into.add(static_cast<std::int64_t>(column.getInt64())); break;
    case SQLITE_FLOAT: into.add(column.getDouble()); break;
    default: into.add(text_in(column));
  }
}

// Calls with the columns of each row; the same columns stand for row after row.
template <class Call>
void each_row(SQLite::Statement& select, const Call& call) {
  std::vector<SQLite::Column> row;
  while (select.executeStep()) {
    for (int i = static_cast<int>(row.size()); i < select.getColumnCount(); ++i) row.push_back(select.getColumn(i));
    call(row);
  }
  select.reset();
}

// Rows of `select`, which reads a whole table in the order of this column, for which the column is one of these numbers;
// where they are many for the table, all of its rows, which is faster.
template <class Call>
void each_of(ResultStore::State& state, const std::string& table, const std::string& column, const std::string& select,
             const std::vector<std::int64_t>& numbers, const Call& call) {
  constexpr std::int64_t rows_a_look = 8;  // that are read in the time of one look
  std::int64_t most = 0;
  each_row(state.statement("SELECT max(" + column + ") FROM " + table),
           [&](const std::vector<SQLite::Column>& row) { most = row[0].getInt64(); });
  if (static_cast<std::int64_t>(numbers.size()) >= most / rows_a_look) {
    each_row(state.statement(select), call);
    return;
  }
  auto& look = state.statement(select + " WHERE " + column + " = ?");
  for (const auto number : numbers) {
    look.bind(1, number);
    each_row(look, call);
  }
}

}  // namespace espalier::store
