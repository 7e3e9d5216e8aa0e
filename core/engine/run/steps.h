// A cell's way from the dense model to its last point: what each step of its schedule asks for, and what finished steps
// left on disk, so that a cell that was stopped goes on where it was.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "engine/engine.h"
#include "nn/model.h"

namespace espalier::engine {

// What one step asks of the searcher.
struct StepBudget {
  Budget budget;
  Rounding rounding = Rounding::Nearest;
  bool of_remaining = false;        // a sparsity is a share of what remains
  std::optional<double> requested;  // sparsity after the step, where the schedule names one
  double at_most = 1;               // the sparsity that the schedule leads to, rounded as the cell asks
  bool reaches_it = false;          // what is asked is that sparsity itself: no step follows
};

// The steps of a schedule, or the one without; there may be fewer (in_whole_units). `units`: how many the chosen sites
// have, for budgets that count them. Throws SettingsError for a schedule that cannot be followed.
std::vector<StepBudget> steps_of(const CellSettings& cell, std::int64_t units);

// A step as it is made where `kept` is left: one that would remove in whole units all that is still to go, or more, asks
// for the schedule's sparsity itself. Units count by kind, and by site (of channel pairs by head) where the scope is
// local.
StepBudget in_whole_units(const StepBudget& step, const CellSettings& cell, const Units& units, const Mask& kept);

// What a finished step left.
struct FinishedStep {
  std::int64_t step = 0;
  std::unique_ptr<nn::Model> model;
  Mask mask;
  std::string digest;         // of everything the model was made from
  std::vector<Point> points;  // of all steps so far
};

// The last finished step of one cell, in a folder of its own; a newer one replaces it when it is whole.
class StepFolder {
 public:
  StepFolder(std::filesystem::path cache_folder, const std::string& cell_digest);

  // nullopt where there is none; `watch` is told why one that is there cannot be used. `base`: the dense model that the
  // cell started from.
  std::optional<FinishedStep> read(const nn::Model& base, const nn::SoftmaxScale& scale, const Watch& watch) const;
  // Throws InputError where it cannot be written.
  void write(std::int64_t step, const nn::Model& model, const Mask& mask, const std::string& digest,
             const std::vector<Point>& points, const Watch& watch) const;
  void remove() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace espalier::engine
