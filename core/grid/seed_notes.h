// Which seeds change nothing: where nothing that a cell computes with draws random numbers, its seeds share one computation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "grid_table.h"
#include "pattern.h"

namespace espalier::grid {

// Of one grid.
class SeedNotes {
 public:
  explicit SeedNotes(const Grid& grid);
  void count(const Rows& rows);
  std::vector<std::string> notes() const;

 private:
  const AxisValue& value(Member member, std::uint32_t row) const { return grid_.axis(member).values[row]; }

  const Grid& grid_;
  bool has_seeds_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::int64_t>
      unmoved_;  // scorer, searcher, recovery
};

}  // namespace espalier::grid
