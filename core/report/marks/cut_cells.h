// Failed cells that a limit cut: not the model's fault, and not the plugin's.
#pragma once

#include <string>
#include <unordered_map>

#include "axes.h"
#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

// Given up: its workers died until none was left to try.
enum class Cut { TimedOut, OutOfMemory, GivenUp };

// By key, of those among these rows of the view `cells` that failed.
std::unordered_map<std::string, Cut> cut_cells(const store::ResultStore& store, const NamedRows& rows);

// Counts one more of this kind.
void count(Cut cut, TableCell& cell);

// What stands for failed cells where there is no value: "timed out" where all of them were, else "failed".
std::string mark_of_failed(const TableCell& cell);
// "1 failed", "2 timed out", ..., of those that there are.
std::vector<std::string> remarks_on_failed(const TableCell& cell);

}  // namespace espalier::report
