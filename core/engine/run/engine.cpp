#include "engine/engine.h"

#include "caches.h"
#include "cell_run.h"
#include "engine/untouched.h"

namespace espalier::engine {

Engine::Engine(const loader::PluginCatalog& catalog, std::filesystem::path cache_folder, Watch watch, nn::Device device)
    : caches_(std::make_unique<Caches>(catalog, std::move(cache_folder), std::move(watch), std::move(device))) {}
Engine::~Engine() = default;

CellResult Engine::run(const CellSettings& cell, std::span<const CellSettings> next) {
  CellRun run(*caches_, cell, next);
  try {
    return run.run();
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    // Whatever the cell failed of, and also where a plugin changed weights and then threw: later cells get theirs
    // right.
    const auto* base = run.base();
    if (base != nullptr && !changed_tensors(*base->model, base->weights).empty()) caches_->forget(*base);
    throw;
  }
}

}  // namespace espalier::engine
