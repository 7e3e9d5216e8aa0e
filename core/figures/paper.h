// The sheet that a figure is drawn on, and what lines look like on it.
#pragma once

#include <cstddef>
#include <string>

#include "figures/figure.h"

namespace espalier::figures {

// Lines of the script that choose the terminal, its size and font, and make names plain texts.
std::string beginning(const Paper& paper, double height_millimetres);

// Places on the sheet, in millimetres from its lower left corner.
struct Frame {
  double left = 0, right = 0, bottom = 0, top = 0;
};
// "set lmargin at screen 0.1" and the other three.
std::string margins(const Frame& frame, double width_millimetres, double height_millimetres);

// Colours that colour-blind readers tell apart (Okabe and Ito), and marks and dashes for those who see none.
inline constexpr std::size_t colours = 7, marks = 6, dashes = 4;
std::string colour_of(std::size_t place);
int mark_of(std::size_t place, bool hollow);
int dash_of(std::size_t place);

// Width of a text in the figure's font, roughly.
double text_millimetres(const std::string& text);
inline constexpr double line_millimetres = 2.9;  // from one entry of a legend to the next

}  // namespace espalier::figures
