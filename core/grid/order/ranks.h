// In which order the cells of all grids are run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "grid_table.h"

namespace espalier::grid {

// Puts the rows of the grid's dimensions into the order in which its cells are visited.
void order_as_asked(Grid& grid);

// 0 to count - 1 mixed: the same order for the same name, on every machine and with every standard library.
std::vector<std::uint32_t> shuffled(std::size_t count, const std::string& name);

class Ranks;

// The ranks that one grid gives to its cells.
class RanksOfGrid {
 public:
  RanksOfGrid(Ranks& ranks, std::size_t grid) : ranks_(ranks), grid_(grid) {}
  // A cell is at this place of the grid, visited after so many. It has the best of the ranks that grids give it; true: that
  // is this one, as no grid before gave it such a rank.
  bool see(std::size_t cell, std::size_t visited, std::size_t place);

 private:
  Ranks& ranks_;
  std::size_t grid_;
};

// Ranks of cells over several grids, as order_as_asked() left them: the highest priority first; of equal priority grid after
// grid, where those that go from coarse to fine advance together, in the place of their first. A coarse-to-fine grid has a
// rank for each of its seeds and budgets, a random one for each of its cells, one that is as written has one.
class Ranks {
 public:
  explicit Ranks(const std::vector<Grid>& grids);

  RanksOfGrid of_grid(std::size_t grid) { return {*this, grid}; }
  const std::vector<std::uint64_t>& of_cells() const { return of_cells_; }
  std::vector<PriorityShare> priorities() const;

 private:
  friend class RanksOfGrid;

  struct Block {
    std::int64_t priority = 0;
    bool is_coarse_to_fine = false;
    std::uint64_t first = 0, ranks = 1;
    std::uint64_t budgets = 1;  // of the coarse-to-fine grid that has most
  };
  struct Standing {
    std::size_t block = 0;
    Order order = Order::AsWritten;
    std::uint64_t budgets = 1, cells_of_budget = 1;
  };

  void number_blocks();

  std::vector<Block> blocks_;       // in the order in which they are run, once they are numbered
  std::vector<Standing> standing_;  // of each grid
  std::vector<std::uint64_t> of_cells_;
};

}  // namespace espalier::grid
