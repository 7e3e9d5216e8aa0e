// What a figure shows, before it is anything to draw with: numbers, names as they are, and where each belongs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace espalier::figures {

// One measured place. What was asked for and not measured is no mark.
struct PlotMark {
  double x = 0, y = 0;
  std::optional<double> low, high;  // of y, over seeds or repeats
  std::int64_t n = 1;               // computations behind y
  bool diverged = false;            // after a training that broke off
  std::string verdict;              // of a time: faster, same, slower, undecided or mixed
};

struct PlotLine {
  std::vector<std::string> names;  // one an axis, of those that tell lines apart
  std::vector<PlotMark> marks;     // by x
  std::vector<double> failed;      // where on the x axis cells failed and nothing was measured
  std::size_t colour = 0, dash = 0;
  bool is_stepped = false;  // y holds until the next mark

  std::string name() const;
};

struct PlotPanel {
  std::string title;  // empty: the only one
  std::vector<PlotLine> lines;
  std::vector<double> dense;  // y of the unpruned models
};

struct LinePlot {
  std::string x_label, y_label;
  bool shows_verdicts = false;  // marks are told apart by what was found, not by their line
  std::vector<PlotPanel> panels;
};

struct RankedLevel {
  std::string name;
  double mean_rank = 0;
};

// Mean ranks on a line, as Demsar draws them.
struct RankPlot {
  std::string x_label;
  std::vector<RankedLevel> levels;               // the best first
  std::optional<double> critical_difference;     // none for two levels
  std::vector<std::vector<std::string>> groups;  // levels that are not told apart
};

struct HeadRow {
  std::string site;
  std::vector<double> left;  // one a head: share of it that is kept, or of the cells that keep it
};

struct HeadPlot {
  std::string title;
  std::string shade_label;
  std::vector<HeadRow> rows;  // in the order of the model
};

// `notes`: what a reader must know to trust it, for the caption.
struct Figure {
  std::variant<LinePlot, RankPlot, HeadPlot> plot;
  std::vector<std::string> notes;
};

}  // namespace espalier::figures
