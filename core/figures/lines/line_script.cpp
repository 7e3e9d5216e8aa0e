#include "lines/line_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lines/legend.h"
#include "paper.h"
#include "quoting.h"

namespace espalier::figures {
namespace {

constexpr std::size_t most_bands = 4;  // of a panel; more cover each other
constexpr double most_panel_millimetres = 90, least_panel_millimetres = 40;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void see(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // With room around, also where all is one value.
  Range padded(double share) const {
    if (low > high) return {0, 1};
    const double room = high > low ? (high - low) * share : std::max(std::abs(high) * share, 1e-9);
    return {low - room, high + room};
  }
  double span() const { return high - low; }
};

struct Ranges {
  Range x, y;
};

Ranges ranges_of(const PlotPanel& panel) {
  Ranges ranges;
  for (const auto& line : panel.lines) {
    for (const auto& mark : line.marks) {
      ranges.x.see(mark.x);
      ranges.y.see(mark.y);
      if (mark.low && mark.high) {
        ranges.y.see(*mark.low);
        ranges.y.see(*mark.high);
      }
    }
    for (const double x : line.failed) ranges.x.see(x);
  }
  for (const double y : panel.dense) ranges.y.see(y);
  return {ranges.x.padded(0.04), ranges.y.padded(0.06)};
}

bool has_interval(const PlotMark& mark) { return mark.low && mark.high; }

// A band needs two places next to each other.
bool has_band(const PlotLine& line) {
  return std::count_if(line.marks.begin(), line.marks.end(), has_interval) ==
             static_cast<std::ptrdiff_t>(line.marks.size()) &&
         line.marks.size() > 1;
}

class LineScript {
 public:
  LineScript(const LinePlot& plot, const Paper& paper) : plot_(plot), paper_(paper), legend_(legend_of(plot)) {
    const double width = paper.width_millimetres;
    columns_ = std::min(plot.panels.size(),
                        std::max<std::size_t>(1, static_cast<std::size_t>(width / least_panel_millimetres)));
    while (columns_ > 1 && plot.panels.size() % columns_ != 0 && plot.panels.size() < columns_ * 2) --columns_;
    rows_ = (plot.panels.size() + columns_ - 1) / columns_;
    legend_height_ = legend_millimetres(legend_, width);
    const double panel_width = std::min(width / static_cast<double>(columns_), most_panel_millimetres);
    const double usual = static_cast<double>(rows_) * std::max(0.72 * panel_width, 36.0) + legend_height_;
    height_ = paper.height_millimetres.value_or(usual);
  }

  std::string text() {
    std::string text = beginning(paper_, height_);
    for (std::size_t panel = 0; panel < plot_.panels.size(); ++panel) text += data(panel);
    text += "set multiplot\nunset key\n";
    for (std::size_t panel = 0; panel < plot_.panels.size(); ++panel) text += panel_script(panel);
    text += legend_script(legend_, paper_, height_);
    return text + "unset multiplot\n";
  }

 private:
  static std::string block(std::size_t panel, std::size_t line) {
    return fmt::format("$panel{}_line{}", panel + 1, line + 1);
  }

  // Columns: x, y, low, high, the sign that stands there.
  std::string data(std::size_t panel) const {
    std::string text;
    for (std::size_t i = 0; i < plot_.panels[panel].lines.size(); ++i) {
      const auto& line = plot_.panels[panel].lines[i];
      text += block(panel, i) + " << end_of_data\n";
      for (const auto& mark : line.marks) {
        const int sign = plot_.shows_verdicts ? verdict_mark(mark.verdict) : mark_of(line.colour, mark.diverged);
        text += fmt::format("{} {} {} {} {}\n", number(mark.x), number(mark.y), number(mark.low.value_or(mark.y)),
                            number(mark.high.value_or(mark.y)), sign);
      }
      text += "end_of_data\n";
    }
    return text;
  }

  Frame frame_of(std::size_t panel) const {
    const double width = paper_.width_millimetres / static_cast<double>(columns_);
    const double height = (height_ - legend_height_) / static_cast<double>(rows_);
    const auto column = static_cast<double>(panel % columns_), row = static_cast<double>(panel / columns_);
    const double top = height_ - row * height;
    const bool first = panel % columns_ == 0;
    return {column * width + (first ? 11.5 : 10.5), (column + 1) * width - 2, top - height + 9,
            top - (plot_.panels[panel].title.empty() ? 2 : 5)};
  }

  // 1, 2 or 5 times a power of ten, so that four or five tics stand on an axis of large numbers, whose labels are long.
  static double tic_step(const Range& range) {
    const double least = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(least)));
    for (const double times : {1.0, 2.0, 5.0}) {
      if (times * power >= least) return times * power;
    }
    return 10 * power;
  }

  static std::string tics(char axis, const Range& range) {
    const double most = std::max(std::abs(range.low), std::abs(range.high));
    if (most < 1e4 || !(range.high > range.low))
      return fmt::format("set {0}tics autofreq\nset format {0} '%g'\n", axis);
    // As many decimals as the step has, before the letter of thousands, millions and so on.
    const double step = tic_step(range), unit = std::pow(1000, std::floor(std::log10(most) / 3));
    const auto decimals = std::clamp(-static_cast<int>(std::floor(std::log10(step / unit) + 1e-9)), 0, 9);
    return fmt::format("set {0}tics {1}\nset format {0} '%.{2}s%c'\n", axis, number(step), decimals);
  }

  std::string panel_script(std::size_t place) const {
    const auto& panel = plot_.panels[place];
    const auto ranges = ranges_of(panel);
    auto text = margins(frame_of(place), paper_.width_millimetres, height_);
    text += panel.title.empty() ? "unset title\n"
                                : fmt::format("set title {} offset 0,-0.7\n", quoted(panel.title, paper_.medium));
    const bool first = place % columns_ == 0, last = place + columns_ >= plot_.panels.size();
    text += fmt::format("set xlabel {} offset 0,0.6\n", quoted(last ? plot_.x_label : "", paper_.medium));
    text += fmt::format("set ylabel {} offset 1.2,0\n", quoted(first ? plot_.y_label : "", paper_.medium));
    text += fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\n", number(ranges.x.low), number(ranges.x.high),
                        number(ranges.y.low), number(ranges.y.high));
    text += tics('x', ranges.x) + tics('y', ranges.y);
    std::vector<std::string> parts = dense_parts(panel);
    for (std::size_t i = 0; i < panel.lines.size(); ++i) add_line(place, i, ranges, parts);
    return text + fmt::format("plot {}\n", fmt::join(parts, ", \\\n     "));
  }

  static std::vector<std::string> dense_parts(const PlotPanel& panel) {
    std::vector<std::string> parts;
    for (const double y : panel.dense)
      parts.push_back(fmt::format("{} with lines linecolor rgb '#333333' dashtype 3 linewidth 1 notitle", number(y)));
    return parts;
  }

  void add_line(std::size_t panel, std::size_t place, const Ranges& ranges, std::vector<std::string>& parts) const {
    const auto& line = plot_.panels[panel].lines[place];
    const auto name = block(panel, place);
    const auto colour = colour_of(line.colour);
    if (!line.marks.empty()) {
      const bool intervals = std::any_of(line.marks.begin(), line.marks.end(), has_interval);
      if (intervals && has_band(line) && plot_.panels[panel].lines.size() <= most_bands && !plot_.shows_verdicts)
        parts.push_back(fmt::format(
            "{} using 1:3:4 with filledcurves fillstyle transparent solid 0.18 noborder fillcolor rgb '{}' notitle",
            name, colour));
      else if (intervals)
        parts.push_back(fmt::format(
            "{} using 1:3:(0):($4-$3) with vectors nohead linecolor rgb '{}' linewidth 0.7 notitle", name, colour));
      parts.push_back(fmt::format("{} using 1:2 with {} {} notitle", name, line.is_stepped ? "steps" : "lines",
                                  stroke_style(line)));
      // Where marks stand close together, the line says all.
      constexpr std::size_t most_marks = 40;
      if (line.marks.size() <= most_marks)
        parts.push_back(fmt::format(
            "{} using 1:2:5 with points pointtype variable pointsize 0.45 linecolor rgb '{}' notitle", name, colour));
    }
    for (const double x : line.failed) {
      parts.push_back(
          fmt::format("'+' every ::::0 using ({}):({}) with points pointtype {} pointsize 0.5 linewidth 1.2 "
                      "linecolor rgb '{}' notitle",
                      number(x), number(ranges.y.low + 0.02 * ranges.y.span()), failed_mark, colour));
    }
  }

  const LinePlot& plot_;
  const Paper& paper_;
  std::vector<LegendEntry> legend_;
  std::size_t columns_ = 1, rows_ = 1;
  double legend_height_ = 0, height_ = 0;
};

}  // namespace

std::string script_of(const LinePlot& plot, const Paper& paper) { return LineScript(plot, paper).text(); }

}  // namespace espalier::figures
