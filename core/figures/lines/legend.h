// What the marks, lines and signs of a figure stand for, below its panels.
#pragma once

#include <string>
#include <vector>

#include "figures/figure.h"

namespace espalier::figures {

struct LegendEntry {
  std::string name;
  std::string style;  // as gnuplot's `with`
};

// Each line once, whichever panels it stands in; then what else is drawn.
std::vector<LegendEntry> legend_of(const LinePlot& plot);
// How many stand beside each other, and how high they are together.
std::size_t legend_columns(const std::vector<LegendEntry>& entries, double width_millimetres);
double legend_millimetres(const std::vector<LegendEntry>& entries, double width_millimetres);
// A panel of its own, with nothing in it but the legend.
std::string legend_script(const std::vector<LegendEntry>& entries, const Paper& paper, double height_millimetres);

std::string stroke_style(const PlotLine& line);  // without its marks
std::string line_style(const PlotLine& line);
// What a mark looks like that is told apart by its verdict.
int verdict_mark(const std::string& verdict);
inline constexpr int failed_mark = 2;  // a cross

}  // namespace espalier::figures
