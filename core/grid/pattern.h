// Patterns over axes: what `skip` leaves out and what --only keeps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document.h"
#include "grid_table.h"

namespace espalier::grid {

// * stands for any characters, ? for one.
bool glob_matches(std::string_view glob, std::string_view text);

// Numbers compare as numbers; texts as globs with each name of the value.
bool matches(const PatternValue& wanted, const AxisValue& value);
bool matches(const PatternTerm& term, const AxisValue& value);

// skip = [{ scorer = "random", scope = "local" }]
std::vector<Pattern> read_skip(const Value& value, Complaints& complaints);
// "scorer=fisher,sparsity=0.5"; an axis named again gives an alternative.
Pattern read_only(const std::string& text, Complaints& complaints);

}  // namespace espalier::grid
