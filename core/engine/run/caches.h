// What cells that run one after the other share: base models, scores, and what is known of masks.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "cells/attempt.h"
#include "engine/base_model.h"
#include "engine/scoring.h"
#include "loader/plugin_catalog.h"
#include "proof.h"
#include "pruned.h"
#include "recent.h"

namespace espalier::engine {

class Caches {
 public:
  Caches(const loader::PluginCatalog& its_catalog, std::filesystem::path its_folder, Watch its_watch,
         nn::Device its_device);

  // A pruned model's evaluation on the test split; equal masks of one model are computed once. `model_digest` names
  // what the mask is of, `pruned` is that model compacted.
  tasks::Evaluation evaluation_of(BaseModel& base, const Pruned& pruned, const std::string& model_digest,
                                  const Mask& mask, const CellSettings& cell, bool& from_cache);
  // The proof that a mask of `model` was applied, of which model_digest says what it was made from; equal masks of one model
  // are proven once. A proof that fails is made again.
  Proof proof_of(BaseModel& base, const nn::Model& model, const Pruned& pruned, const std::string& model_digest,
                 const Mask& mask, bool& from_cache);
  // The point of the model as it was read, and what a mask of it leaves, counted once.
  const Point& dense_point_of(BaseModel& base, const CellSettings& cell);
  const Point& counts_of(BaseModel& base, const Pruned& pruned, const Mask& mask, const CellSettings& cell);
  // The file of a kept mask, whether it is there or not.
  std::filesystem::path mask_file(const BaseModel& base, const std::string& digest) const;
  // Keeps the mask while other work goes on: what is not there yet is on disk when the future has its value.
  std::future<Artifact> keep_mask(const BaseModel& base, const Mask& mask, const CellSettings& cell);
  // After a plugin has changed the weights of a base model: it is read again for the next cell.
  void forget(const BaseModel& base);

  const loader::PluginCatalog& catalog;
  const std::filesystem::path folder;
  const Watch watch;
  const nn::Device device;
  BaseModels base_models;
  ScoreCache scores;

 private:
  const ProofRows& proof_rows(BaseModel& base);

  Recent<tasks::Evaluation> evaluations_;
  Recent<Proof> proofs_;
  Recent<Point> dense_points_, counts_;
  Recent<bool> kept_masks_{256};  // by file
  Recent<std::unique_ptr<ProofRows>> proof_rows_;
};

}  // namespace espalier::engine
