#include "order/ranks.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "words/digest.h"

namespace espalier::grid {
namespace {

// First and last, then the middle of each gap, level by level.
std::vector<std::uint32_t> ends_first(const std::vector<std::uint32_t>& sorted) {
  std::vector<std::uint32_t> visited;
  if (sorted.empty()) return visited;
  visited.push_back(sorted.front());
  if (sorted.size() > 1) visited.push_back(sorted.back());
  std::vector<std::pair<std::size_t, std::size_t>> gaps = {{0, sorted.size() - 1}};
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const auto [low, high] = gaps[i];
    if (high - low < 2) continue;
    const auto middle = low + (high - low) / 2;
    visited.push_back(sorted[middle]);
    gaps.emplace_back(low, middle);
    gaps.emplace_back(middle, high);
  }
  return visited;
}

enum class Coarseness { Seed, Budget, Fine };

bool holds(const Dimension& dimension, Member member) {
  return std::find(dimension.members.begin(), dimension.members.end(), member) != dimension.members.end();
}

Coarseness coarseness_of(const Dimension& dimension) {
  if (holds(dimension, Member::Budget)) return Coarseness::Budget;
  return holds(dimension, Member::Seed) || holds(dimension, Member::BaseSeed) ? Coarseness::Seed : Coarseness::Fine;
}

// Seeds vary slowest, then the budget, from its ends inwards; the rest as written. So the first cells span the whole
// range with one seed, later ones fill it in, and further seeds come last.
void order_coarse_to_fine(Grid& grid) {
  std::stable_sort(grid.dimensions.begin(), grid.dimensions.end(),
                   [&](const Dimension& a, const Dimension& b) { return coarseness_of(a) < coarseness_of(b); });
  const auto& budgets = grid.axis(Member::Budget).values;
  for (auto& dimension : grid.dimensions) {
    if (!holds(dimension, Member::Budget)) continue;
    std::stable_sort(dimension.rows.begin(), dimension.rows.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return *budgets[a].number < *budgets[b].number; });
    dimension.rows = ends_first(dimension.rows);
  }
}

std::uint64_t rows_of(const Grid& grid, Coarseness coarseness) {
  std::uint64_t product = 1;
  for (const auto& dimension : grid.dimensions) {
    if (coarseness_of(dimension) == coarseness) product *= std::max<std::size_t>(1, dimension.rows.size());
  }
  return product;
}

std::uint64_t cells_of(const Grid& grid) {
  return rows_of(grid, Coarseness::Seed) * rows_of(grid, Coarseness::Budget) * rows_of(grid, Coarseness::Fine);
}

}  // namespace

void order_as_asked(Grid& grid) {
  if (grid.order == Order::CoarseToFine) order_coarse_to_fine(grid);
}

std::vector<std::uint32_t> shuffled(std::size_t count, const std::string& name) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::uint64_t state = std::stoull(sha256_hex(name).substr(0, 16), nullptr, 16);
  const auto next = [&state] {  // splitmix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[next() % i]);
  return order;
}

Ranks::Ranks(const std::vector<Grid>& grids) {
  for (const auto& grid : grids) {
    const bool is_coarse_to_fine = grid.order == Order::CoarseToFine;
    auto block = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& known) {
      return is_coarse_to_fine && known.is_coarse_to_fine && known.priority == grid.priority;
    });
    if (block == blocks_.end()) {
      blocks_.push_back({grid.priority, is_coarse_to_fine});
      block = std::prev(blocks_.end());
    }
    auto& standing = standing_.emplace_back();
    standing.block = static_cast<std::size_t>(block - blocks_.begin());
    standing.order = grid.order;
    if (grid.order == Order::Random) block->ranks = cells_of(grid);
    if (!is_coarse_to_fine) continue;
    standing.budgets = rows_of(grid, Coarseness::Budget);
    standing.cells_of_budget = rows_of(grid, Coarseness::Fine);
    block->budgets = std::max(block->budgets, standing.budgets);
    block->ranks = std::max(block->ranks, rows_of(grid, Coarseness::Seed));  // times the budgets, once they are known
  }
  number_blocks();
}

void Ranks::number_blocks() {
  std::vector<std::size_t> order(blocks_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks_[a].priority > blocks_[b].priority; });
  std::uint64_t first = 0;
  for (const auto place : order) {
    auto& block = blocks_[place];
    if (block.is_coarse_to_fine) block.ranks *= block.budgets;
    block.first = first;
    first += block.ranks;
  }
}

bool RanksOfGrid::see(std::size_t cell, std::size_t visited, std::size_t place) {
  const auto& standing = ranks_.standing_[grid_];
  const auto& block = ranks_.blocks_[standing.block];
  auto rank = block.first;
  if (standing.order == Order::Random) rank += visited;
  if (standing.order == Order::CoarseToFine) {
    const auto budget = place / standing.cells_of_budget;
    rank += budget / standing.budgets * block.budgets + budget % standing.budgets;
  }
  auto& ranks = ranks_.of_cells_;
  if (cell == ranks.size()) {
    ranks.push_back(rank);
    return true;
  }
  const bool is_better = rank < ranks[cell];
  if (is_better) ranks[cell] = rank;
  return is_better;
}

std::vector<PriorityShare> Ranks::priorities() const {
  auto blocks = blocks_;
  std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.first < b.first; });
  std::vector<PriorityShare> shares;
  for (const auto& block : blocks) {
    const auto cells = std::count_if(of_cells_.begin(), of_cells_.end(), [&](std::uint64_t rank) {
      return rank >= block.first && rank < block.first + block.ranks;
    });
    if (cells == 0) continue;
    if (shares.empty() || shares.back().priority != block.priority) shares.push_back({block.priority, 0});
    shares.back().cells += cells;
  }
  return shares;
}

}  // namespace espalier::grid
