// Everything that a database holds for readers elsewhere, as flat tables: the public views, and what was said of each
// example. All of it as the database was at one moment, also while a run writes.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "store/open/described_columns.h"
#include "store/open/query.h"

namespace espalier::store {

// The views, then `answers` (where what was said of each example is) and `examples` (each list of answers once).
const std::vector<DescribedView>& open_tables();

class OpenTables {
 public:
  // Throws StoreError as ResultStore does.
  explicit OpenTables(const std::filesystem::path& database);
  ~OpenTables();
  OpenTables(const OpenTables&) = delete;
  OpenTables& operator=(const OpenTables&) = delete;

  // Each row of one of open_tables(), with the values of its columns, in an order that is always the same. Values are
  // NULL or of their column's type. Throws StoreError for a value that is not, and for a table that is none.
  void each_row(std::string_view table, const std::function<void(const std::vector<QueryValue>&)>& row);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::store
