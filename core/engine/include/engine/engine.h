// Executes one cell: base model, scores, mask, proof, measurement. Owns every cache; runs many cells, one after the
// other, on one thread of control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "engine/latency.h"
#include "engine/training.h"
#include "loader/plugin_catalog.h"

namespace espalier::engine {

// One measured state on a cell's way.
struct Point {
  std::int64_t step = 0;
  std::string kind;  // dense, pruned, recovered, or diverged: by a training that broke off, which pruned or recovered
  std::optional<double> requested_sparsity;
  double achieved_sparsity = 0;
  std::int64_t parameters_dense = 0;    // of the attention sites, as the sparsity counts them
  std::int64_t parameters_masked = 0;   // switched off by the mask itself
  std::int64_t parameters_removed = 0;  // gone after closure
  std::int64_t parameters_total = 0;    // of the whole model that is left
  std::int64_t multiply_adds_dense = 0;
  std::int64_t multiply_adds_done = 0;
  std::string mask_digest;
  std::string split;
  std::int64_t examples = 0;
  std::map<std::string, double> metrics;
  std::optional<bool> proof_passed;
  std::string proof;        // JSON
  std::string predictions;  // '1' or '0' an example
  std::string details;      // JSON: what is kept, site by site
  std::vector<Latency> latency;
};

struct Artifact {
  std::string kind, digest, path;
};

struct CellResult {
  std::vector<Point> points;
  std::vector<Artifact> artifacts;
  std::vector<const loader::Plugin*> plugins;
  std::string timing;   // JSON: seconds by stage, what came from a cache, peak memory
  std::string failure;  // a proof that failed; empty otherwise
};

struct BaseModel;

class Engine {
 public:
  Engine(const loader::PluginCatalog& catalog, std::filesystem::path cache_folder, Watch watch);
  ~Engine();

  // Throws espalier::Error with the reason when the cell cannot be computed, Interrupted when the user stops it. A
  // proof that fails is a result: its numbers are kept.
  CellResult run(const CellSettings& cell);

 private:
  // `base`: set as soon as the cell has it.
  CellResult compute(const CellSettings& cell, BaseModel*& base);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::engine
