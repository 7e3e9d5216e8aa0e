#include "lines/legend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "paper.h"
#include "quoting.h"
#include "report/escaping.h"

namespace espalier::figures {
namespace {

constexpr const char* sign_colour = "#333333";

// Verdicts in the order of tables' words.
const std::vector<std::string>& verdicts() {
  static const std::vector<std::string> all = {"faster", "same", "slower", "undecided", "mixed"};
  return all;
}

}  // namespace

std::string stroke_style(const PlotLine& line) {
  return fmt::format("linecolor rgb '{}' dashtype {} linewidth 1.2", colour_of(line.colour), dash_of(line.dash));
}

std::string line_style(const PlotLine& line) {
  return fmt::format("{} pointtype {} pointsize 0.45", stroke_style(line), mark_of(line.colour, false));
}

int verdict_mark(const std::string& verdict) {
  if (verdict == "faster") return 11;
  if (verdict == "slower") return 9;
  return verdict == "same" ? 7 : 6;
}

std::vector<LegendEntry> legend_of(const LinePlot& plot) {
  std::vector<LegendEntry> entries;
  std::set<std::string> named, found;
  bool dense = false, failed = false, diverged = false;
  for (const auto& panel : plot.panels) {
    dense = dense || !panel.dense.empty();
    for (const auto& line : panel.lines) {
      failed = failed || !line.failed.empty();
      for (const auto& mark : line.marks) {
        diverged = diverged || mark.diverged;
        found.insert(mark.verdict);
      }
      if (line.names.empty() || !named.insert(line.name()).second) continue;
      entries.push_back(
          {line.name(), plot.shows_verdicts ? "lines " + stroke_style(line) : "linespoints " + line_style(line)});
    }
  }
  const auto sign = [&](const std::string& name, int mark) {
    entries.push_back({name, fmt::format("points pointtype {} pointsize 0.5 linecolor rgb '{}'", mark, sign_colour)});
  };
  if (plot.shows_verdicts) {
    for (const auto& verdict : verdicts()) {
      if (found.contains(verdict)) sign(verdict, verdict_mark(verdict));
    }
  }
  if (dense) entries.push_back({"dense", fmt::format("lines linecolor rgb '{}' dashtype 3 linewidth 1", sign_colour)});
  if (diverged) sign("diverged", mark_of(0, true));
  if (failed) sign("failed", failed_mark);
  return entries;
}

std::size_t legend_columns(const std::vector<LegendEntry>& entries, double width_millimetres) {
  constexpr double sample_millimetres = 10;
  double widest = 1;
  for (const auto& entry : entries) widest = std::max(widest, text_millimetres(entry.name) + sample_millimetres);
  const auto fit = static_cast<std::size_t>(std::max(1.0, std::floor((width_millimetres - 4) / widest)));
  return std::min(fit, std::max<std::size_t>(entries.size(), 1));
}

double legend_millimetres(const std::vector<LegendEntry>& entries, double width_millimetres) {
  if (entries.empty()) return 0;
  const auto columns = legend_columns(entries, width_millimetres);
  return static_cast<double>((entries.size() + columns - 1) / columns) * line_millimetres + 1.5;
}

std::string legend_script(const std::vector<LegendEntry>& entries, const Paper& paper, double height_millimetres) {
  if (entries.empty()) return "";
  const double high = legend_millimetres(entries, paper.width_millimetres);
  std::string script = "unset title\nunset xlabel\nunset ylabel\nunset border\nunset tics\nset format '%g'\n";
  script += margins({1, paper.width_millimetres - 1, 0.5, high}, paper.width_millimetres, height_millimetres);
  // gnuplot reserves more for a name than its letters take, the more the longer the longest is.
  std::size_t longest = 0;
  for (const auto& entry : entries) longest = std::max(longest, report::width_of(entry.name));
  script += fmt::format(
      "set key at screen 0.5,{:.4f} center top horizontal maxcols {} samplen 2.5 spacing 0.9 width -{:.1f} Left "
      "reverse\n"
      "set xrange [0:1]\nset yrange [0:1]\nplot ",
      (high - 0.5) / height_millimetres, legend_columns(entries, paper.width_millimetres),
      static_cast<double>(longest) * 0.2);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    script += fmt::format("{}NaN with {} title {}", i == 0 ? "" : ", \\\n     ", entries[i].style,
                          quoted(entries[i].name, paper.medium));
  }
  return script + "\n";
}

}  // namespace espalier::figures
