// From grids to cells: the cross product, minus what is left out, each cell once, in the order asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "grid_table.h"
#include "input_checks.h"
#include "key.h"

namespace espalier::grid {

inline constexpr std::size_t most_cells = 10'000'000;

// Unnamed definitions are called by their plugin; where a file has several settings of one plugin, by those too.
void name_unnamed(std::vector<Grid>& grids);

// The grids with those rows alone that --only wants.
std::vector<Grid> narrowed(std::vector<Grid> grids, const Pattern& only);

// Complains about grids that together have too many cells; nothing is expanded for it.
void check_size(const std::vector<Grid>& grids, Complaints& complaints);

// Skip patterns that leave nothing out, as warnings.
std::vector<std::string> idle_patterns(const Grid& grid);

struct Expansion {
  Cells cells;  // that are asked for
  Cells whole;  // of the whole file, where a slice of it is asked for and it has not too many
  std::vector<std::string> missing;
  std::vector<PriorityShare> priorities;
  std::vector<Meeting> meetings;  // of models and datasets in the cells that are asked for
  std::vector<std::string> warnings, notes;
};

struct ExpansionOptions {
  std::string name;  // of the experiment: the seed of a random order
  MeasureSettings measure;
  SplitTables& tables;
  Pattern only;  // the slice that is asked for; without terms: all
};

// The grids' values are rendered by it.
Expansion expand(std::vector<Grid>& grids, const ExpansionOptions& options);

}  // namespace espalier::grid
