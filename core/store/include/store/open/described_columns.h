// What every column of the public views means, for whoever reads them without this program: SQL users, datasette, and
// readers of exported files. A test compares it with the views themselves and with docs/views.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier::store {

enum class ColumnType { Text, Integer, Real, Flag };  // Flag: 0 or 1

struct DescribedColumn {
  std::string name;
  ColumnType type = ColumnType::Text;
  std::string unit;     // as in seconds; empty: none
  std::string meaning;  // one sentence, without its full stop
};

struct DescribedView {
  std::string name, title, meaning;
  std::vector<DescribedColumn> columns;  // in the view's order
};

// One a view of `open_views`, in that order.
const std::vector<DescribedView>& described_views();
// Throws StoreError for a name that is none.
const DescribedView& described_view(std::string_view name);

}  // namespace espalier::store
