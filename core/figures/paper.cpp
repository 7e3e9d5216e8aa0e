#include "paper.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "report/escaping.h"

namespace espalier::figures {
namespace {

constexpr double millimetres_an_inch = 25.4;
constexpr double png_dots_an_inch = 300, svg_dots_an_inch = 96;
constexpr double font_points = 7.5, points_an_inch = 72;

std::string terminal(const Paper& paper, double height) {
  const double width = paper.width_millimetres;
  const auto dots = [](double millimetres, double an_inch) {
    return std::lround(millimetres / millimetres_an_inch * an_inch);
  };
  switch (paper.medium) {
    case Medium::Pdf:
      return fmt::format("pdfcairo noenhanced size {:.3f}cm,{:.3f}cm font 'Helvetica,{}' fontscale 0.75 linewidth 1",
                         width / 10, height / 10, font_points);
    case Medium::Svg:
      return fmt::format("svg noenhanced size {},{} font 'Helvetica,{}' fontscale 1 linewidth 1.3 background '#ffffff'",
                         dots(width, svg_dots_an_inch), dots(height, svg_dots_an_inch),
                         font_points * svg_dots_an_inch / points_an_inch);
    case Medium::Png: {
      // Its fonts are measured at the dots of a screen.
      const double scale = png_dots_an_inch / svg_dots_an_inch;
      return fmt::format(
          "pngcairo noenhanced size {},{} font 'Helvetica,{}' fontscale {:.4f} linewidth {:.4f} pointscale {:.4f}",
          dots(width, png_dots_an_inch), dots(height, png_dots_an_inch), font_points, scale, scale, scale);
    }
    case Medium::Tikz:
      return fmt::format("tikz size {:.3f}cm,{:.3f}cm font '\\scriptsize' linewidth 1", width / 10, height / 10);
  }
  return "";
}

}  // namespace

std::string beginning(const Paper& paper, double height_millimetres) {
  return fmt::format(
      "# Made by espalier figure. Draw it with: gnuplot -d THIS_FILE > FIGURE\n"
      "set encoding utf8\n"
      "set terminal {}\n"
      "set border 3 linecolor rgb '#333333' linewidth 0.6\n"
      "set tics out nomirror scale 0.5\n"
      "set errorbars 0.6\n",
      terminal(paper, height_millimetres));
}

std::string margins(const Frame& frame, double width_millimetres, double height_millimetres) {
  return fmt::format(
      "set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n"
      "set bmargin at screen {:.4f}\nset tmargin at screen {:.4f}\n",
      frame.left / width_millimetres, frame.right / width_millimetres, frame.bottom / height_millimetres,
      frame.top / height_millimetres);
}

std::string colour_of(std::size_t place) {
  static constexpr std::array<const char*, colours> all = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                           "#E69F00", "#56B4E9", "#000000"};
  return all[place % colours];
}

int mark_of(std::size_t place, bool hollow) {
  static constexpr std::array<int, marks> filled = {7, 5, 9, 13, 11, 15};
  return filled[place % marks] - (hollow ? 1 : 0);
}

int dash_of(std::size_t place) {
  static constexpr std::array<int, dashes> all = {1, 2, 4, 3};
  return all[place % dashes];
}

double text_millimetres(const std::string& text) {
  return static_cast<double>(report::width_of(text)) * font_points * 0.5 / points_an_inch * millimetres_an_inch;
}

}  // namespace espalier::figures
