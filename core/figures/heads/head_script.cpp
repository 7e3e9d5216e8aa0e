#include "heads/head_script.h"

#include <fmt/format.h>

#include <algorithm>

#include "paper.h"
#include "quoting.h"

namespace espalier::figures {
namespace {

constexpr double most_cell_millimetres = 5;  // a map of few heads does not fill a column with huge squares

}  // namespace

std::string script_of(const HeadPlot& plot, const Paper& paper) {
  std::size_t heads = 1;
  double widest = 0;
  for (const auto& row : plot.rows) {
    heads = std::max(heads, row.left.size());
    widest = std::max(widest, text_millimetres(row.site));
  }
  const auto columns = static_cast<double>(heads), rows = static_cast<double>(plot.rows.size());
  const double width = paper.width_millimetres, left = std::min(widest + 7, width * 0.4), box = 20, below = 9,
               above = 2;
  const double cell = std::min((width - left - box) / columns, most_cell_millimetres);
  const double height = paper.height_millimetres.value_or(std::max(rows * std::min(cell, 4.0) + below + above, 34.0));
  auto text = beginning(paper, height);
  text += "$left << end_of_data\n";
  for (std::size_t row = 0; row < plot.rows.size(); ++row) {
    for (std::size_t head = 0; head < heads; ++head) {
      const auto& shares = plot.rows[row].left;
      text += fmt::format("{} {} {}\n", head, row, head < shares.size() ? number(shares[head]) : "NaN");
    }
  }
  text += "end_of_data\nunset key\nset border 15 linecolor rgb '#333333' linewidth 0.6\nset tics scale 0\n";
  text += margins({left, left + cell * columns, below, height - above}, width, height);
  // Every other one where all would touch.
  const int every = text_millimetres("00") + 0.8 > cell ? 2 : 1;
  text += fmt::format(
      "set xrange [-0.5:{}]\nset yrange [{}:-0.5]\nset xtics 0,{} offset 0,0.5\nset xlabel {} offset 0,0.9\n",
      number(columns - 0.5), number(rows - 0.5), every, quoted("head", paper.medium));
  text += "set ytics (";
  for (std::size_t row = 0; row < plot.rows.size(); ++row)
    text += fmt::format("{}{} {}", row == 0 ? "" : ", ", quoted_tic(plot.rows[row].site, paper.medium), row);
  text += fmt::format(") offset 0.6,0\nset label {} at screen {:.4f},graph 0.5 rotate center\n",
                      quoted("site", paper.medium), 2.2 / width);
  // Light to dark in one hue, so that it prints in grey as well.
  text += "set palette defined (0 '#f4f4f4', 0.5 '#7fb8d9', 1 '#08519c')\nset cbrange [0:1]\nset cbtics 0.25\n";
  text += fmt::format("set cblabel {} offset 0.4,0\n", quoted(plot.shade_label, paper.medium));
  text +=
      fmt::format("set colorbox user origin screen {:.4f},screen {:.4f} size screen {:.4f},screen {:.4f}\n",
                  (left + cell * columns + 2) / width, below / height, 3 / width, (height - above - below) / height);
  return text + "plot $left using 1:2:3 with image pixels\n";
}

}  // namespace espalier::figures
