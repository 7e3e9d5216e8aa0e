// Cells one by one, each a row: key, state, every setting, every metric. What a table averages, and what `show` is asked for.
#pragma once

#include <string>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

struct CellListRequest {
  std::string only;   // a slice, as a table's
  std::string state;  // waiting, running, done or failed; empty: all
  Format format = Format::Terminal;
};

// Terminal and Markdown: key, state, the axes that vary and the main metric; CSV and JSON: everything. Throws SettingsError
// for a state, axis or format that does not exist.
std::string cell_list(const store::ResultStore& store, const std::string& experiment, const CellListRequest& request,
                      const std::vector<store::NewCell>* cells_of_file = nullptr);

}  // namespace espalier::report
