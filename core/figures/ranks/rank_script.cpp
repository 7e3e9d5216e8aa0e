#include "ranks/rank_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "paper.h"
#include "quoting.h"

namespace espalier::figures {
namespace {

// Everything is placed in millimetres: the plot covers the sheet, and its axes count them.
class RankScript {
 public:
  RankScript(const RankPlot& plot, const Paper& paper) : plot_(plot), paper_(paper) {
    double widest = 0;
    for (const auto& level : plot.levels) widest = std::max(widest, text_millimetres(level.name) + 9);
    const double width = paper.width_millimetres;
    left_ = std::clamp(widest, 8.0, width * 0.36);
    right_ = width - left_;
    const auto rows = static_cast<double>((plot.levels.size() + 1) / 2);
    const double bars = 1.8 * static_cast<double>(plot.groups.size());
    const double head = plot.critical_difference ? 15 : 10;
    height_ = paper.height_millimetres.value_or(head + bars + 3 + rows * 4 + 6);
    axis_ = height_ - head;
    first_label_ = axis_ - bars - 4;
  }

  std::string text() {
    auto text = beginning(paper_, height_);
    text += "unset border\nunset tics\nunset key\n";
    text += margins({0, paper_.width_millimetres, 0, height_}, paper_.width_millimetres, height_);
    text += fmt::format("set xrange [0:{}]\nset yrange [0:{}]\n", number(paper_.width_millimetres), number(height_));
    add_axis();
    for (std::size_t level = 0; level < plot_.levels.size(); ++level) add_level(level);
    add_groups();
    label((left_ + right_) / 2, 2, "center", quoted(plot_.x_label, paper_.medium));
    return text + body_ + "plot NaN notitle\n";
  }

 private:
  double at(double rank) const {
    const double ranks = std::max<double>(static_cast<double>(plot_.levels.size()) - 1, 1);
    return left_ + (rank - 1) / ranks * (right_ - left_);
  }

  void stroke(double x1, double y1, double x2, double y2, double width, const char* colour = "#000000") {
    body_ += fmt::format("set arrow from {:.3f},{:.3f} to {:.3f},{:.3f} nohead linecolor rgb '{}' linewidth {}\n", x1,
                         y1, x2, y2, colour, width);
  }

  void label(double x, double y, const char* side, const std::string& text) {
    body_ += fmt::format("set label {} at {:.3f},{:.3f} {}\n", text, x, y, side);
  }

  void add_axis() {
    stroke(left_, axis_, right_, axis_, 1);
    for (std::size_t rank = 1; rank <= plot_.levels.size(); ++rank) {
      const double x = at(static_cast<double>(rank));
      stroke(x, axis_, x, axis_ + 1.2, 1);
      label(x, axis_ + 3, "center", quoted(std::to_string(rank), paper_.medium));
    }
    if (!plot_.critical_difference) return;
    // One that is wider than the axis is drawn as wide as that, and says so.
    const double long_as_it_is = *plot_.critical_difference /
                                 std::max<double>(static_cast<double>(plot_.levels.size()) - 1, 1) * (right_ - left_);
    const double end = std::min(left_ + long_as_it_is, right_), y = axis_ + 7;
    stroke(left_, y, end, y, 1);
    stroke(left_, y - 0.8, left_, y + 0.8, 1);
    if (left_ + long_as_it_is <= right_) stroke(end, y - 0.8, end, y + 0.8, 1);
    label((left_ + end) / 2, y + 2.4, "center",
          quoted(fmt::format("critical difference {:.2f}{}", *plot_.critical_difference,
                             left_ + long_as_it_is > right_ ? ", beyond the axis" : ""),
                 paper_.medium));
  }

  // The better half has its names on the left, the best on top; the others on the right, the worst on top.
  void add_level(std::size_t place) {
    const auto& level = plot_.levels[place];
    const auto half = (plot_.levels.size() + 1) / 2;
    const bool on_left = place < half;
    const auto row = static_cast<double>(on_left ? place : plot_.levels.size() - 1 - place);
    const double x = at(level.mean_rank), y = first_label_ - row * 4;
    const double side = on_left ? left_ - 1.5 : right_ + 1.5;
    stroke(x, axis_, x, y, 0.6);
    stroke(x, y, side, y, 0.6);
    const auto name = quoted(level.name, paper_.medium);
    // The rank stands on the line, beside its end.
    label(side + (on_left ? -0.8 : 0.8), y, on_left ? "right" : "left", name);
    label(side + (on_left ? 0.6 : -0.6), y + 1.4, on_left ? "left" : "right",
          quoted(fmt::format("{:.2f}", level.mean_rank), paper_.medium) + small());
  }

  std::string small() const {
    return paper_.medium == Medium::Tikz  ? " font '\\tiny'"
           : paper_.medium == Medium::Svg ? " font ',8'"
                                          : " font ',6'";
  }

  void add_groups() {
    double y = axis_ - 2;
    for (const auto& group : plot_.groups) {
      double low = 1e9, high = -1e9;
      for (const auto& level : plot_.levels) {
        if (std::find(group.begin(), group.end(), level.name) == group.end()) continue;
        low = std::min(low, level.mean_rank);
        high = std::max(high, level.mean_rank);
      }
      stroke(at(low) - 0.7, y, at(high) + 0.7, y, 3, "#0072B2");
      y -= 1.8;
    }
  }

  const RankPlot& plot_;
  const Paper& paper_;
  double left_ = 0, right_ = 0, height_ = 0, axis_ = 0, first_label_ = 0;
  std::string body_;
};

}  // namespace

std::string script_of(const RankPlot& plot, const Paper& paper) { return RankScript(plot, paper).text(); }

}  // namespace espalier::figures
