// What cells that run one after the other share: base models, scores, evaluations, the rows that proofs are made on.
#pragma once

#include <filesystem>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cells/attempt.h"
#include "engine/base_model.h"
#include "engine/scoring.h"
#include "loader/plugin_catalog.h"

namespace espalier::engine {

class Caches {
 public:
  Caches(const loader::PluginCatalog& its_catalog, std::filesystem::path its_folder, Watch its_watch,
         nn::Device its_device);

  // A pruned model's evaluation on the test split; equal masks of one model are computed once. `model_digest` names
  // what the mask is of, `pruned` is that model compacted.
  tasks::Evaluation evaluation_of(BaseModel& base, const nn::Model& pruned, const std::string& model_digest,
                                  const Mask& mask, const CellSettings& cell, bool& from_cache);
  // The first rows of the test split, by length.
  const std::vector<Batch>& proof_batches(BaseModel& base);
  // The file of a kept mask, whether it is there or not.
  std::filesystem::path mask_file(const BaseModel& base, const std::string& digest) const;
  Artifact keep_mask(const BaseModel& base, const Mask& mask, const CellSettings& cell) const;
  // After a plugin has changed the weights of a base model: it is read again for the next cell.
  void forget(const BaseModel& base);

  const loader::PluginCatalog& catalog;
  const std::filesystem::path folder;
  const Watch watch;
  const nn::Device device;
  BaseModels base_models;
  ScoreCache scores;

 private:
  std::list<std::pair<std::string, tasks::Evaluation>> evaluations_;  // most recently used first
  std::map<std::string, std::vector<Batch>> proof_rows_;
};

}  // namespace espalier::engine
