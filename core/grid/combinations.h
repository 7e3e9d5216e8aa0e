// Values that are right alone and wrong together: what fails in every cell is refused before the first one runs.
#pragma once

#include "document.h"
#include "grid_table.h"

namespace espalier::grid {

// Complains where such values meet in a cell of the grid, each complaint once. What `skip` or --only leaves out meets nowhere.
void check_combinations(const Grid& grid, Complaints& complaints);

}  // namespace espalier::grid
