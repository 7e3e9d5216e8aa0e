// From grids to cells: the cross product, minus what is left out, each cell once, in the order asked for.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "grid_table.h"
#include "key.h"

namespace espalier::grid {

inline constexpr std::size_t most_cells = 10'000'000;

// Unnamed definitions are called by their plugin; where a file has several settings of one plugin, by those too.
void name_unnamed(std::vector<Grid>& grids);

// Narrows every grid's axes to what --only wants.
void narrow(std::vector<Grid>& grids, const Pattern& only);

// Complains about grids that together have too many cells; nothing is expanded for it.
void check_size(const std::vector<Grid>& grids, Complaints& complaints);

// Skip patterns that leave nothing out, as warnings.
std::vector<std::string> idle_patterns(const Grid& grid);

struct Expansion {
  std::vector<PlannedCell> cells;
  std::vector<std::string> missing;
};

struct ExpansionOptions {
  std::string name;  // of the experiment: the seed of a random order
  MeasureSettings measure;
  std::filesystem::path cache_folder;
  bool narrowed = false;  // by --only: a single grid may then be left without cells
};

// The grids' values are rendered by it. Complains about grids without cells.
Expansion expand(std::vector<Grid>& grids, const ExpansionOptions& options, Complaints& complaints);

}  // namespace espalier::grid
