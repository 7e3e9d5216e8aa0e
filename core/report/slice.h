// A slice of the cells: "scorer=fisher,sparsity=0.5".
#pragma once

#include <cstdint>
#include <string>

#include "cell_rows.h"

namespace espalier::report {

// Leaves the cells that the slice takes, and returns how many it does not. An axis named again gives an alternative;
// numbers compare as numbers, texts as globs. Throws SettingsError for an axis that is not known and for what is no slice.
std::int64_t take_slice(CellRows& cells, const std::string& only);

// Throws SettingsError, with the nearest name, where no cell can have this axis.
void check_axis(const std::string& axis, const CellRows& cells);

}  // namespace espalier::report
