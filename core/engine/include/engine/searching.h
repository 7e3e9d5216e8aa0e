// From a budget to a mask, by a searcher plugin.
#pragma once

#include <espalier/searcher.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/point.h"
#include "engine/training.h"
#include "engine/untouched.h"
#include "loader/plugin_catalog.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

struct SearchRequest {
  std::string searcher;
  Settings settings;  // complete
  Budget budget;
  Rounding rounding = Rounding::Nearest;
  Scope scope = Scope::Global;
  std::int64_t seed = 0;
  bool of_remaining = false;  // a sparsity is a share of what remains
  ComputeType compute = ComputeType::Float32;
  SoftmaxScale softmax_scale = {};
  double at_most = 1;  // the sparsity that a step's own must not pass
  Rounding at_most_rounding = Rounding::Nearest;
};

// What a search is about.
struct SearchSource {
  const nn::Model& model;
  const nn::Model& dense;  // the teacher that plugins call "dense"
  const Units& units;
  const Mask& kept;                            // what earlier steps left; the answer keeps no more than that
  at::Tensor scores;                           // [units]; undefined where the searcher needs none
  tasks::Task* task = nullptr;                 // null: there is no data, and a searcher that asks for it is refused
  std::filesystem::path folder = {};           // where evaluations are kept; empty: nowhere
  std::string model_digest = "";               // what they are of
  const ModelDigest* dense_weights = nullptr;  // of the dense model as it was read; null: as it is now
};

struct Found {
  Mask mask;
  std::unique_ptr<nn::Model> model;  // what the searcher trained; null: the model is as it was
  SearchRecord record;
  std::filesystem::path journal;  // of evaluations; empty: none
};

Found search(const loader::PluginCatalog& catalog, const SearchSource& source, const SearchRequest& request,
             const Watch& watch);

// What searches ask masks of a model of, in float32 and by the task's first metric; its answers are not kept. All outlive
// it; `kept`: what earlier steps left.
std::unique_ptr<MaskEvaluator> split_evaluator(const nn::Model& model, const Mask& kept, tasks::Task& task,
                                               const Watch& watch);

}  // namespace espalier::engine
