// Which panel a line stands in, what it is called there, and what it looks like.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "figures/drawn.h"

namespace espalier::figures {

// A line with its place on every axis.
struct PlacedLine {
  std::vector<std::string> levels;  // one an axis
  PlotLine line;
};

// One panel for each level of the facet. Axes of which all lines have one level go out of their names. Lines of one name
// look the same in every panel. Without `facet` asked for, it is the dataset or the model where there are several, else
// what keeps the number of lines in a panel readable; an empty one is none. Throws SettingsError for a facet that is not
// among the axes.
std::vector<PlotPanel> arranged(const std::vector<std::string>& axes, std::vector<PlacedLine> lines,
                                const std::optional<std::string>& facet);

// Which axis the panels are by; axes.size(): none.
std::size_t facet_of(const std::vector<std::string>& axes, const std::vector<PlacedLine>& lines,
                     const std::optional<std::string>& facet);

}  // namespace espalier::figures
