// Patterns over axes: what `skip` leaves out and what --only keeps.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "document.h"
#include "grid_table.h"

namespace espalier::grid {

// Numbers compare as numbers; texts as globs with each name of the value.
bool matches(const PatternValue& wanted, const AxisValue& value);
bool matches(const PatternTerm& term, const AxisValue& value);

// A definition answers to its plugin's name too, but not where another has that name itself.
void take_names_first(Pattern& pattern, const std::vector<Grid>& grids);

// skip = [{ scorer = "random", scope = "local" }]
std::vector<Pattern> read_skip(const Value& value, Complaints& complaints);
// "scorer=fisher,sparsity=0.5"; an axis named again gives an alternative.
Pattern read_only(const std::string& text, Complaints& complaints);

// One value of each axis, by its row.
using Rows = std::array<std::uint32_t, member_count>;

// What a grid's skip patterns leave out, looked up by row. Good as long as the grid is.
class Skips {
 public:
  explicit Skips(const Grid& grid);
  bool leave_out(const Rows& rows) const;
  // Whether a pattern looks at the axis.
  bool name(Member member) const { return named_[static_cast<std::size_t>(member)]; }

 private:
  // Of one axis, which of its values a pattern matches.
  using Term = std::pair<Member, std::vector<bool>>;

  std::vector<std::vector<Term>> patterns_;
  std::array<bool, member_count> named_{};
};

}  // namespace espalier::grid
