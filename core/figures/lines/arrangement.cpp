#include "lines/arrangement.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "paper.h"
#include "words/names.h"

namespace espalier::figures {
namespace {

constexpr std::size_t most_lines = 8;  // of a panel that nobody asked for

using Levels = std::vector<std::string>;

std::size_t place_in(Levels& known, const std::string& level) {
  const auto found = std::find(known.begin(), known.end(), level);
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  known.push_back(level);
  return known.size() - 1;
}

Levels levels_of(const std::vector<PlacedLine>& lines, std::size_t axis) {
  Levels levels;
  for (const auto& line : lines) place_in(levels, line.levels[axis]);
  return levels;
}

// The axis with most levels of those that colours can tell apart; the others together are told apart by dashes.
std::optional<std::size_t> colour_axis(const std::vector<PlacedLine>& lines, const std::vector<std::size_t>& shown) {
  std::optional<std::size_t> best;
  std::size_t most = 0;
  for (const auto axis : shown) {
    const auto count = levels_of(lines, axis).size();
    Levels others;
    for (const auto& line : lines) {
      std::string rest;
      for (const auto other : shown) rest += other == axis ? "" : line.levels[other] + '\n';
      place_in(others, rest);
    }
    if (count > colours || others.size() > dashes || count <= most) continue;
    most = count;
    best = axis;
  }
  return best;
}

void give_looks(std::vector<PlacedLine>& lines, const std::vector<std::size_t>& shown) {
  const auto axis = colour_axis(lines, shown);
  Levels by_colour, by_dash;
  for (auto& placed : lines) {
    std::string whole, rest;
    for (const auto one : shown) {
      whole += placed.levels[one] + '\n';
      rest += axis == one ? "" : placed.levels[one] + '\n';
    }
    if (axis) {
      placed.line.colour = place_in(by_colour, placed.levels[*axis]);
      placed.line.dash = place_in(by_dash, rest);
    } else {
      const auto place = place_in(by_colour, whole);
      placed.line.colour = place;
      placed.line.dash = place / colours;
    }
  }
}

}  // namespace

std::size_t facet_of(const std::vector<std::string>& axes, const std::vector<PlacedLine>& lines,
                     const std::optional<std::string>& facet) {
  if (facet && facet->empty()) return axes.size();
  if (facet) {
    const auto found = std::find(axes.begin(), axes.end(), *facet);
    if (found == axes.end()) throw SettingsError(unknown_name("facet", *facet, axes));
    return static_cast<std::size_t>(found - axes.begin());
  }
  for (const char* name : {"dataset", "model", "batch", "granularity", "scope"}) {
    const auto found = std::find(axes.begin(), axes.end(), name);
    if (found == axes.end()) continue;
    const auto axis = static_cast<std::size_t>(found - axes.begin());
    if (levels_of(lines, axis).size() < 2) continue;
    const std::string_view word = name;
    if (word == "dataset" || word == "model" || lines.size() > most_lines) return axis;
  }
  return axes.size();
}

std::vector<PlotPanel> arranged(const std::vector<std::string>& axes, std::vector<PlacedLine> lines,
                                const std::optional<std::string>& facet) {
  const auto by = facet_of(axes, lines, facet);
  std::vector<std::size_t> shown;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (axis != by && levels_of(lines, axis).size() > 1) shown.push_back(axis);
  }
  give_looks(lines, shown);
  std::vector<PlotPanel> panels;
  Levels titles;
  for (auto& placed : lines) {
    const auto place = by < axes.size() ? place_in(titles, placed.levels[by]) : 0;
    if (place >= panels.size()) panels.resize(place + 1);
    if (by < axes.size()) panels[place].title = placed.levels[by];
    for (const auto axis : shown) placed.line.names.push_back(placed.levels[axis]);
    panels[place].lines.push_back(std::move(placed.line));
  }
  return panels;
}

}  // namespace espalier::figures
