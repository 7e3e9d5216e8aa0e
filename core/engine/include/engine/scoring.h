// Scores of a base model's units: computed once per (model, split, scorer, settings, seed), on the finest units that
// serve, and kept.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/base_model.h"
#include "loader/plugin_catalog.h"

namespace espalier::engine {

struct ScoreRequest {
  std::string scorer;
  Settings settings;  // complete
  Granularity granularity = Granularity::Head;
  std::string sites = "all";
  std::int64_t seed = 0;
  std::string compute = "float32";
};

// Scores of one model on one split, without any cache. `split` may be null where the scorer needs no data.
at::Tensor compute_scores(const loader::PluginCatalog& catalog, const nn::Model& model, const Split* split,
                          const ScoreRequest& request);

class ScoreCache {
 public:
  ScoreCache(std::filesystem::path cache_folder, const loader::PluginCatalog& catalog, Watch watch);

  struct Answer {
    at::Tensor values;  // [units], float64
    bool computed_now = false;
    std::string digest;
    std::filesystem::path file;
  };
  Answer get(BaseModel& base, const ScoreRequest& request);

 private:
  std::filesystem::path cache_folder_;
  const loader::PluginCatalog& catalog_;
  Watch watch_;
  std::map<std::string, at::Tensor> known_;
};

}  // namespace espalier::engine
