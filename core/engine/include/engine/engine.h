// Executes one cell: base model, scores, mask, proof, measurement. Owns every cache; runs many cells, one after the
// other, on one thread of control.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cells/attempt.h"
#include "cells/cell_settings.h"
#include "engine/training.h"
#include "loader/plugin_catalog.h"
#include "nn/device.h"

namespace espalier::engine {

struct CellResult {
  std::vector<Point> points;
  std::vector<Artifact> artifacts;
  std::vector<UsedPlugin> plugins;
  Timing timing;
  std::string failure;  // a proof that failed; empty otherwise
};

class Caches;

class Engine {
 public:
  Engine(const loader::PluginCatalog& catalog, std::filesystem::path cache_folder, Watch watch, nn::Device device = {});
  ~Engine();

  // Throws espalier::Error with the reason when the cell cannot be computed, Interrupted when the user stops it. A
  // proof that fails is a result: its numbers are kept. `next`: cells of the same base model and data that are likely to be
  // asked for; what their scorers read of the same pass is computed with the cell's own scores.
  CellResult run(const CellSettings& cell, std::span<const CellSettings> next = {});

 private:
  std::unique_ptr<Caches> caches_;
};

}  // namespace espalier::engine
