#include "ranks/rank_plot.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include "quoting.h"
#include "report/comparing/axis_comparison.h"

namespace espalier::figures {

Figure rank_plot(const FigureSource& source, const FigureRequest& request) {
  if (request.by.size() > 1)
    throw SettingsError(
        fmt::format("--by {}: ranks are of the levels of one axis\n    expected one axis, as in --by scorer",
                    fmt::join(request.by, ",")));
  report::TableRequest table;
  table.fits_rows = table.fits_columns = true;
  table.value = request.value;
  table.only = request.only;
  table.significance = request.level;
  const auto axis = request.by.empty() ? std::string("scorer") : request.by.front();
  const auto comparison = report::compare_axis(source.store, source.experiment, axis, table, source.cells);
  RankPlot plot;
  plot.x_label = fmt::format("mean rank by {}, {} blocks", in_words(comparison.value), comparison.blocks);
  for (const auto& level : comparison.levels) plot.levels.push_back({level.name, level.mean_rank});
  plot.critical_difference = comparison.critical_difference;
  plot.groups = comparison.groups;
  Figure figure;
  figure.plot = plot;
  figure.notes.push_back(fmt::format("{}: statistic {:.4g}, p = {:.3g}, level {}", comparison.test,
                                     comparison.statistic, comparison.p, comparison.level));
  figure.notes.insert(figure.notes.end(), comparison.footnotes.begin(), comparison.footnotes.end());
  return figure;
}

}  // namespace espalier::figures
