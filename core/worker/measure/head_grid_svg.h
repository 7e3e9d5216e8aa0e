// Head grids as a picture: one SVG file that needs no other.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "measure/head_grid.h"

namespace espalier::worker {

struct Picture {
  std::string title;
  std::vector<std::string> lines;  // below it
};

// Sites down, heads across, one grid below the other. Names may hold anything.
std::string svg_of(const Picture& picture, std::span<const HeadGrid> grids);

}  // namespace espalier::worker
