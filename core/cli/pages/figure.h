// What `figure` is asked: a figure for a paper.
#pragma once

#include <espalier/error.h>

#include <string>
#include <vector>

#include "commands.h"

namespace espalier::cli {

struct FigureArguments {
  DatabaseArguments database;
  std::string kind = "curve";
  std::string format;  // empty: as the output's name ends
  std::string output;  // -: on stdout
  std::string value, x, key;
  std::string by, facet;  // axes, joined by commas; an axis, or none
  std::vector<std::string> only;
  std::string width = "84mm", height;
  double level = 0;  // 0: the usual one
  bool script = false;
};
ExitCode figure(const FigureArguments& arguments);

Deed add_figure(CLI::App& app);

}  // namespace espalier::cli
