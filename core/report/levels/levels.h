// Levels of sparsity that nobody asked cells for: read off the lines between measured states.
#pragma once

#include <string>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

// Throws SettingsError where the levels are no sparsities, or the table's columns or values are not such that a line means
// something.
void check_levels(const TableRequest& request, const std::vector<std::string>& columns,
                  const std::vector<std::string>& values);

// Gives the table a column for each level that it lacks. A line is a row with the columns that share all axes but sparsity,
// and the dense model at 0; where one of them alone holds cells, the steps on which these were measured. A state that was
// measured at the level stands there as it is; else the value lies on the line between its two neighbours in achieved
// sparsity, never beyond the ends, and never where one of the two failed, has not run, diverged or lacks the value.
// Returns sentences for footnotes. Needs the computations behind each place.
std::vector<std::string> add_levels(const store::ResultStore& store, const std::string& experiment,
                                    const std::vector<double>& levels, Table& table);

}  // namespace espalier::report
