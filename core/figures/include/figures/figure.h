// Figures for papers: from a database to a script for gnuplot that holds its data, or to the data alone. Nothing here
// starts a program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "figures/drawn.h"
#include "store/result_store.h"

namespace espalier::figures {

enum class Kind { Curve, Map, Latency, Trajectory, CriticalDifference };
enum class Medium { Pdf, Svg, Png, Tikz };

// Each throws SettingsError with the nearest name.
Kind kind_from(const std::string& word);      // curve, map, latency, trajectory, critical-difference
Medium medium_from(const std::string& word);  // pdf, svg, png, tikz
// "84mm", "3.3in", "8.4cm", "240pt". Throws SettingsError, `option` named, for what is no such length, or none that fits a page.
double millimetres_from(const std::string& option, const std::string& length);

struct Paper {
  Medium medium = Medium::Pdf;
  double width_millimetres = 84;             // of one column of two
  std::optional<double> height_millimetres;  // none: what suits the figure
};

struct FigureRequest {
  Kind kind = Kind::Curve;
  std::string value;                 // empty: the task's main metric; of a trajectory the first metric that it has
  std::string x;                     // empty: what suits the kind
  std::vector<std::string> by;       // axes, one line for each of their levels; empty: what varies
  std::optional<std::string> facet;  // an axis, one panel for each level; empty: none; no value: what suits
  std::string only;                  // a slice, as a table's
  std::string key;                   // of a map: one cell; empty: all chosen cells
  std::optional<double> level;       // of a critical difference; none: 0.05
};

struct FigureSource {
  const store::ResultStore& store;
  std::filesystem::path database;
  std::string experiment;                              // empty: all
  const std::vector<store::NewCell>* cells = nullptr;  // of an experiment file
};

// Throws SettingsError for a name that is not known, for what the kind has no use of, and where there is nothing to draw.
Figure make_figure(const FigureSource& source, const FigureRequest& request);

// A script that draws it on gnuplot's standard output: gnuplot -d SCRIPT > FIGURE.
std::string script_of(const Figure& figure, const Paper& paper);
// The numbers as they are drawn: a record for each mark, rank or head; RFC 4180.
std::string csv_of(const Figure& figure);

}  // namespace espalier::figures
