// One number a head of each site, as people look at it.
#pragma once

#include <espalier/units.h>

#include <span>
#include <string>
#include <vector>

namespace espalier::worker {

struct HeadGrid {
  std::string title;
  std::vector<std::string> sites;
  std::vector<std::vector<double>> values;  // by site and head; NaN: no unit is of the head
};

// What the names of sites say beyond what all say.
struct SiteLabels {
  std::vector<std::string> labels;
  std::string legend;  // what a label stands for; empty: names are whole
};
SiteLabels labels_of(const std::vector<std::string>& sites);

// Values of units, [units]; those of one head are added up. Sites without a unit are left out.
HeadGrid grid_of(const Units& units, std::span<const double> values, std::string title);

// What numbers of this size are shown in: the power of a thousand that the largest is at least one of, and how many decimals.
struct Scale {
  double unit = 1;
  int decimals = 3;
  std::string text;  // "in 0.001"; empty: as they are
};
Scale scale_of(const HeadGrid& grid);
// "-" where there is none.
std::string cell_text(double value, const Scale& scale);

// Of all heads that have a number, the largest first.
struct RankedHead {
  std::size_t site = 0, head = 0;
  double value = 0;
};
std::vector<RankedHead> ranked(const HeadGrid& grid);

// A terminal's table, then the heads of the largest and the smallest numbers by name.
std::string text_of(const HeadGrid& grid);

}  // namespace espalier::worker
