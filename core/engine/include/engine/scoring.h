// Scores of a base model's units: computed once per (model, split, scorer, settings, seed), on the finest units that
// serve, and kept.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/base_model.h"
#include "loader/plugin_catalog.h"

namespace espalier::engine {

struct ScoreRequest {
  std::string scorer;
  Settings settings;  // complete
  Granularity granularity = Granularity::Head;
  SiteFilter sites = SiteFilter::All;
  std::int64_t seed = 0;
  ComputeType compute = ComputeType::Float32;
};

// What a cell ranks its units by.
ScoreRequest score_request_of(const CellSettings& cell);

// What settings say of a loss, by the names that the SDK gives them.
struct LossSettings {
  std::string kind = "task";
  std::string teacher;     // of distillation alone
  double temperature = 0;  // of distillation alone

  bool operator==(const LossSettings&) const = default;
};
LossSettings loss_settings_of(const Settings& settings);

// The loss that a plugin's settings ask for, by the names that the SDK gives them (loss, teacher, temperature); `plugin`
// names it in messages; `task`: whose examples it is taken of, null where there are none.
nn::Loss loss_of(const std::string& plugin, const Settings& settings, const nn::Model& model, const nn::Model& dense,
                 const tasks::Task* task);

// What scores are computed of and on.
struct ScoreSource {
  const nn::Model& model;
  const nn::Model& dense;                      // the teacher that a scorer calls "dense"
  const tasks::Task* task = nullptr;           // with the split: what a scorer may evaluate masks on
  const tasks::Split* split = nullptr;         // null where the scorer needs no data
  const ModelDigest* dense_weights = nullptr;  // of the dense model as it was read; null: as it is now
};

// Scores without any cache. Where a GPU's memory does not suffice, all is computed again from fewer examples at a time.
at::Tensor compute_scores(const loader::PluginCatalog& catalog, const ScoreSource& source, const ScoreRequest& request);

class ScoreCache {
 public:
  ScoreCache(std::filesystem::path cache_folder, const loader::PluginCatalog& catalog, Watch watch);

  struct Answer {
    at::Tensor values;  // [units], float64
    bool computed_now = false;
    std::string digest;
    std::filesystem::path file;
  };
  // Of the base model itself, from memory, from the folder, or computed now. `others`: what will be asked of it next; those that
  // share the split, the examples and the loss are computed in the same pass, and kept. What fails of them is not told: it will
  // be when it is asked for.
  Answer get(BaseModel& base, const ScoreRequest& request, std::span<const ScoreRequest> others = {});
  // Of a model on its way through a schedule: computed now and not kept.
  at::Tensor of(const nn::Model& model, BaseModel& base, const ScoreRequest& request) const;

 private:
  // Where scores are kept, and what exactly is computed.
  struct Place {
    ScoreRequest fine;  // on the units that serve
    std::string split;  // empty: it reads none
    std::string digest;
    std::filesystem::path file;
  };
  Place place_of(BaseModel& base, const ScoreRequest& request) const;
  const at::Tensor* find(const BaseModel& base, const Place& place);  // null: not known
  void keep(BaseModel& base, const Place& place, const at::Tensor& values);
  // `wanted`, and of the others those of its split that are not known.
  std::vector<Place> unknown(BaseModel& base, const Place& wanted, std::span<const ScoreRequest> others);

  std::filesystem::path cache_folder_;
  const loader::PluginCatalog& catalog_;
  Watch watch_;
  std::map<std::string, at::Tensor> known_;
};

}  // namespace espalier::engine
