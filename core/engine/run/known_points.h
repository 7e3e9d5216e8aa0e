// Points of cells that trained, known by everything but what is measured beside them: a cell that differs from one of
// these in [measure] alone takes its points from here, and is not trained again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "engine/engine.h"
#include "words/watch.h"

namespace espalier::engine {

class KnownPoints {
 public:
  // `digest`: of everything that decides what a cell's steps leave.
  KnownPoints(const std::filesystem::path& cache_folder, const std::string& digest);

  // All points but the dense one, without latency, and with proofs where they are asked for. nullopt: not known, not
  // with what is asked for, or of a cell that measured just the same: that one is computed again, as any cell is.
  std::optional<std::vector<Point>> read(const MeasureSettings& asked, const Watch& watch) const;
  // What is there stays. What cannot be written is computed again another time.
  void write(const std::vector<Point>& points, const MeasureSettings& measured, const Watch& watch) const;

 private:
  std::filesystem::path file_;
};

}  // namespace espalier::engine
