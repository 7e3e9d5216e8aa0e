// Cells and attempts as experiments make them, for tests of the store and of what reads it.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "store/result_store.h"

namespace espalier::test {

constexpr double long_lease = 1000;  // seconds, more than any test takes

inline CellSettings sample_settings() {
  CellSettings settings;
  settings.model = {"minilm", Family::Bert, "/models/minilm", std::nullopt};
  settings.dataset.name = "wordnet";
  settings.dataset.format = Format::TextClassification;
  settings.granularity = Granularity::Head;
  settings.scorer = {"magnitude", "magnitude", "1", {}};
  settings.searcher = {"ranking", "ranking", "1", {}};
  settings.recovery = {"none", "none", "", {}};
  settings.budget = {BudgetKind::Sparsity, 0.5};
  return settings;
}

inline store::NewCell sample_cell(const std::string& key, const CellSettings& settings = sample_settings()) {
  return {key, to_json(settings).dump()};
}

inline store::ExperimentRecord sample_experiment(const std::string& name = "demo") {
  return {name, "What is lost?", name + ".toml", "digest of the file"};
}

// Keys k0, k1, ...
inline std::vector<store::NewCell> sample_cells(std::size_t count) {
  const auto settings = to_json(sample_settings()).dump();
  std::vector<store::NewCell> cells;
  for (std::size_t i = 0; i < count; ++i) cells.push_back({std::to_string(i).insert(0, 1, 'k'), settings});
  return cells;
}

inline Point sample_point(const std::string& kind, double achieved, std::map<std::string, double> metrics) {
  Point point;
  point.kind = kind;
  if (kind != "dense") point.requested_sparsity = 0.5;
  point.achieved_sparsity = achieved;
  point.parameters_dense = 1000;
  point.parameters_masked = static_cast<std::int64_t>(achieved * 1000);
  point.parameters_removed = point.parameters_masked;
  point.parameters_total = 5000 - point.parameters_removed;
  point.multiply_adds_dense = 4000;
  point.multiply_adds_done = 3000;
  point.mask_digest = kind == "dense" ? "" : "mask";
  point.split = "test";
  point.examples = 8;
  point.metrics = std::move(metrics);
  if (kind != "dense") {
    point.proof_passed = true;
    point.proof = Proof{true, 8, 2e-6, 3.5, 1e-4, {{"a", 0.5, 0, true}, {"b", 0.5, 0, true}}, ""};
  }
  point.predictions = "11010010";
  point.predictions_digest = "outcomes";
  return point;
}

inline Attempt done_attempt(double accuracy, double achieved = 0.5, double dense_accuracy = 0.9) {
  Attempt attempt;
  attempt.seconds = 1.5;
  attempt.timing = Timing{{{"scores", 1.0}, {"search", 0.5}}, {{"scores", true}}, 0, {}, 1048576, std::nullopt};
  attempt.environment = {{"espalier", "1.0"}, {"threads", 1}};
  attempt.points = {sample_point("dense", 0, {{"accuracy", dense_accuracy}}),
                    sample_point("pruned", achieved, {{"accuracy", accuracy}})};
  attempt.artifacts = {{"base-model", "abc", "/cache/base"}};
  attempt.plugins = {{"scorer", "magnitude", "1", "def"}};
  return attempt;
}

inline Attempt failed_attempt(const std::string& message) {
  Attempt attempt;
  attempt.outcome = Outcome::Failed;
  attempt.message = message;
  attempt.seconds = 0.5;
  return attempt;
}

}  // namespace espalier::test
