#include "lines/trajectory.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cells/metrics.h"
#include "cells/point.h"
#include "lines/arrangement.h"
#include "lines/curve.h"
#include "quoting.h"
#include "report/table.h"
#include "store/open/point_details.h"
#include "words/names.h"

namespace espalier::figures {
namespace {

using Steps = std::vector<std::map<std::string, double>>;

// By key, of the cells that have any.
std::map<std::string, Steps> trajectories(const FigureSource& source) {
  std::map<std::string, Steps> all;
  store::each_detailed_point(source.database, [&](const store::DetailedPoint& point) {
    if (!point.last) return;
    const auto details = point_details_from_json(nlohmann::json::parse(point.details));
    if (details.search && !details.search->trajectory.empty()) all[point.key] = details.search->trajectory;
  });
  return all;
}

// Rows are cells: what they are called by stands before their keys.
report::Table cells_table(const FigureSource& source, const FigureRequest& request) {
  report::TableRequest asked;
  asked.only = request.only;
  asked.fits_columns = true;
  asked.fits_rows = request.by.empty();
  if (!asked.fits_rows) asked.rows = request.by;
  const auto table = report::make_table(source.store, source.experiment, asked, source.cells);
  asked.rows = table.row_axes;
  for (const auto& axis :
       {table.column_axes.front(), std::string("seed"), std::string("base_seed"), std::string("key")}) {
    if (std::find(asked.rows.begin(), asked.rows.end(), axis) == asked.rows.end()) asked.rows.push_back(axis);
  }
  // The key goes last, whichever axes were asked for.
  std::erase(asked.rows, "key");
  asked.rows.emplace_back("key");
  asked.fits_rows = asked.fits_columns = false;
  asked.columns = {"state"};
  return report::make_table(source.store, source.experiment, asked, source.cells);
}

// Of all steps of all searches.
std::set<std::string> names_in(const std::vector<const Steps*>& all) {
  std::set<std::string> names;
  for (const auto* steps : all) {
    for (const auto& step : *steps) {
      for (const auto& [name, value] : step) names.insert(name);
    }
  }
  return names;
}

std::string value_in(const std::set<std::string>& names, const std::string& asked) {
  if (!asked.empty()) return asked;
  for (const auto& metric : all_metrics()) {
    if (names.contains(metric.name)) return metric.name;
  }
  // Searchers of this program call the metric of their evaluations so, signed so that more is better.
  for (const char* name : {"quality", "best", "loss"}) {
    if (names.contains(name)) return name;
  }
  throw SettingsError(
      fmt::format("no metric is in what the searches said of their steps\n    expected one of them in --value: {}",
                  fmt::join(names, ", ")));
}

void check_name(const std::set<std::string>& names, const std::string& option, const std::string& name) {
  if (!names.contains(name))
    throw SettingsError(option + ": " + unknown_name("number of a step", name, {names.begin(), names.end()}));
}

// What only ever rises, or only ever falls, is the best so far, and holds until the next step.
bool is_best_so_far(const std::vector<PlotMark>& marks) {
  const auto goes = [&](double sign) {
    for (std::size_t i = 1; i < marks.size(); ++i) {
      if (sign * (marks[i].y - marks[i - 1].y) < 0) return false;
    }
    return true;
  };
  return goes(1) || goes(-1);
}

PlotLine line_of(const Steps& steps, const std::string& x, const std::string& value) {
  PlotLine line;
  for (const auto& step : steps) {
    const auto at = step.find(x), found = step.find(value);
    if (at == step.end() || found == step.end() || !std::isfinite(at->second) || !std::isfinite(found->second))
      continue;
    PlotMark mark;
    mark.x = at->second;
    mark.y = found->second;
    line.marks.push_back(mark);
  }
  line.is_stepped = is_best_so_far(line.marks);
  return line;
}

}  // namespace

Figure trajectory(const FigureSource& source, const FigureRequest& request) {
  // Of a sweep, its points are the steps.
  if (request.x == "step") return curve(source, request);
  const auto known = trajectories(source);
  const auto table = cells_table(source, request);
  std::vector<const Steps*> chosen;
  for (const auto& row : table.rows) {
    const auto found = row.dense ? known.end() : known.find(row.names.back().text);
    if (found != known.end()) chosen.push_back(&found->second);
  }
  if (chosen.empty())
    throw SettingsError(
        "no chosen cell has a trajectory: its searcher told no steps, or it is not done\n    of a schedule, --x step "
        "shows the points");
  const auto names = names_in(chosen);
  const auto value = value_in(names, request.value);
  const auto x = request.x.empty() ? std::string("evaluations") : request.x;
  check_name(names, "--value", value);
  check_name(names, "--x", x);
  std::vector<std::string> axes(table.row_axes.begin(), table.row_axes.end() - 1);
  std::vector<PlacedLine> lines;
  std::size_t without = 0;
  for (const auto& row : table.rows) {
    const auto found = row.dense ? known.end() : known.find(row.names.back().text);
    if (found == known.end()) continue;
    PlacedLine placed{{}, line_of(found->second, x, value)};
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const bool bare = row.names[axis].number.has_value();
      placed.levels.push_back(bare ? in_words(axes[axis]) + " " + row.names[axis].text : row.names[axis].text);
    }
    if (placed.line.marks.empty())
      ++without;
    else
      lines.push_back(std::move(placed));
  }
  if (lines.empty())
    throw SettingsError(
        fmt::format("no step of a search has both {} and {}\n    found: {}", x, value, fmt::join(names, ", ")));
  Figure figure;
  if (without > 0)
    figure.notes.push_back(
        fmt::format("{} searches are not drawn: no step of them has both {} and {}", without, x, value));
  LinePlot plot;
  plot.x_label = in_words(x);
  plot.y_label = in_words(value);
  plot.panels = arranged(axes, std::move(lines), request.facet);
  figure.plot = std::move(plot);
  return figure;
}

}  // namespace espalier::figures
