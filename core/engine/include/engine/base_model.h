// The dense model of a cell: a checkpoint as it is, or fine-tuned once for (checkpoint, data, recipe, base seed) and
// kept by content, so that no process trains the same model twice.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "cells/cell_settings.h"
#include "engine/training.h"
#include "engine/untouched.h"
#include "nn/model.h"
#include "nn/series/mask_series.h"
#include "tasks/task.h"

namespace espalier {
class PathLock;
}

namespace espalier::engine {

struct BaseModel {
  std::string digest;             // of everything it was made from
  std::string checkpoint_digest;  // of the files it lies in, as masks and scores name their model
  std::filesystem::path folder;
  std::shared_ptr<const PathLock> held;  // of the folder in the cache, which is not trimmed meanwhile
  std::unique_ptr<nn::Model> model;
  ModelDigest weights;  // of the model as it was read
  std::unique_ptr<tasks::Task> task;
  std::map<std::string, tasks::Evaluation> dense;  // by split, filled by dense_evaluation()
  bool trained_now = false;

  // Masks of it as inference computes them in this arithmetic, at this scale.
  nn::MaskSeries& series_of(ComputeType compute, const SoftmaxScale& scale);

 private:
  std::map<std::string, std::unique_ptr<nn::MaskSeries>> series_;
};

class BaseModels {
 public:
  BaseModels(std::filesystem::path cache_folder, Watch watch, nn::Device device = {});

  // Reads or trains; a model that another process is training is waited for. The reference stays good until the next
  // call.
  BaseModel& get(const CellSettings& cell);
  // Reads it again when it is asked for next; the reference is no longer good.
  void forget(const BaseModel& base);

  // The dense model's evaluation of a split, from memory, from the cache folder, or computed now. Throws InputError
  // where its outputs are not numbers.
  const tasks::Evaluation& dense_evaluation(BaseModel& base, const std::string& split, ComputeType compute);

 private:
  // `task`: of a model that is trained, which becomes the base model's.
  std::unique_ptr<BaseModel> make(const CellSettings& cell, const std::string& digest,
                                  std::unique_ptr<tasks::Task> task);
  std::unique_ptr<tasks::Task> task_of(const CellSettings& cell, std::vector<std::string> labels,
                                       const nn::Model* dense = nullptr);

  std::filesystem::path cache_folder_;
  Watch watch_;
  nn::Device device_;
  DigestMemory digests_;
  std::map<std::string, std::unique_ptr<BaseModel>> models_;
  std::map<std::string, std::string> diverged_;  // why, by the digest of what would have been made
};

// What training starts from: the checkpoint with a head for these labels, or new weights. Says where a head that was there
// is replaced.
std::unique_ptr<nn::Model> start_of(const ModelSettings& model, const std::vector<std::string>& labels,
                                    std::int64_t seed, const Watch& watch, const at::Device& device = at::kCPU);

// Copies every file of a checkpoint but config and weights: tokenizer, preprocessor, generation settings.
void copy_companions(const std::filesystem::path& from, const std::filesystem::path& to);

// A seed of its own for each purpose, the same on every machine.
std::uint64_t seed_for(const std::string& purpose, std::int64_t seed);

}  // namespace espalier::engine
