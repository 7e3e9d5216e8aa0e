// Which axes a table has: those asked for, and those without which it would average what nobody asked to average.
#pragma once

#include <string>
#include <vector>

#include "measured_rows.h"
#include "report/table.h"

namespace espalier::report {

struct FittedAxes {
  std::vector<std::string> rows, columns;
  std::vector<std::string> added;  // of the rows, those that nobody asked for and no default has
};

// Columns that nobody asked for, before anything is measured: the amounts of the first cell's budget.
std::vector<std::string> fitted_columns(const TableRequest& request, const CellRows& cells, bool timed);

FittedAxes fitted_axes(const TableRequest& request, const std::vector<std::string>& columns,
                       const MeasuredRows& measured, const std::vector<std::string>& differences);

}  // namespace espalier::report
