// Questions in SQL that anybody may put to a database: they read, and can do nothing else.
//
// A query has a connection of its own, opened for reading, in which SQLite is told to refuse every statement but SELECT,
// WITH, VALUES, EXPLAIN and the pragmas that describe tables. Nothing is attached, loaded or written, whatever the text says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace espalier::store {

struct Bytes {
  std::string content;

  bool operator==(const Bytes&) const = default;
};
// One field of a row as SQLite holds it; a double may be infinite, and is never NaN. A text may hold any bytes.
using QueryValue = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

struct QueryLimits {
  std::optional<double> seconds = {};     // of the whole query
  std::optional<std::int64_t> rows = {};  // that are given out
};

// Where the text of a query stands, for messages: a file's name, or a word such as --sql.
struct QueryText {
  std::string sql;
  std::string place;
};

struct QueryEnd {
  std::int64_t rows = 0;  // given out
  bool complete = true;   // false: there are more, and the limit of rows was reached
};

class QueryConnection {
 public:
  // Throws StoreError as ResultStore does.
  explicit QueryConnection(const std::filesystem::path& database);
  ~QueryConnection();
  QueryConnection(const QueryConnection&) = delete;
  QueryConnection& operator=(const QueryConnection&) = delete;

  // Runs one statement. `columns` is called once, before the first row and also where there is none; several columns may
  // have one name. `row` is called for each row, whose values are valid during the call.
  // Throws SettingsError, with place, line and column, for a text that is no query, that wants to do more than read, or
  // that takes longer than the limit; for an unknown name with the nearest one.
  QueryEnd run(const QueryText& text, const QueryLimits& limits,
               const std::function<void(const std::vector<std::string>&)>& columns,
               const std::function<void(const std::vector<QueryValue>&)>& row);

  // The columns of a view, in their order; empty where there is no such view.
  std::vector<std::string> columns_of(std::string_view view);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The views that are made for SQL users, in the order in which a reader meets them.
inline constexpr std::string_view open_views[] = {"cells", "points", "ablation", "latencies"};

}  // namespace espalier::store
