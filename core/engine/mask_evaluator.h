// What masks are worth to a searcher: real evaluations on the validation split, each computed once and kept on disk, and
// stopped as soon as they certainly miss what is asked.
#pragma once

#include <espalier/searcher.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cells/point.h"
#include "nn/arithmetic.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

struct EvaluatorSettings {
  std::string metric;  // empty: the task's first
  ComputeType compute = ComputeType::Float32;
  nn::SoftmaxScale scale = {};
  std::filesystem::path folder;      // where answers are kept; empty: they are not
  std::string model_digest;          // what the answers are of
  std::function<void()> check = {};  // throws where the model is not as it was: nothing is kept of it then
};

// Answers are kept by model, data and arithmetic, not by search: searches of one model share them, and one that was
// stopped repeats its way without computing.
class SplitEvaluator final : public MaskEvaluator {
 public:
  // All but the settings outlive this. `kept`: what earlier steps left.
  SplitEvaluator(const nn::Model& model, const Mask& kept, tasks::Task& task, EvaluatorSettings settings,
                 const Watch& watch);
  ~SplitEvaluator() override;

  // Accuracy: examples on which the model was wrong or least sure come first, and the evaluation ends when those that are
  // left cannot bring it back to `at_least`. Other metrics are always computed whole.
  Evaluated evaluate(const Mask& mask, double at_least) override;
  std::int64_t evaluations() const override { return static_cast<std::int64_t>(asked_.size()); }
  double seconds() const override;
  double resolution() const override;

  EvaluationWork work() const;
  // The file of the answers; empty where none are kept.
  const std::filesystem::path& journal() const { return journal_; }

 private:
  const tasks::Split& split() const;
  bool stops_early() const;
  Evaluated compute(const Mask& mask, double at_least);
  Evaluated in_parts(const nn::Model& model, double at_least);
  void remember_margins(const at::Tensor& margins);
  void read_journal();
  void write(const std::string& digest, const Evaluated& answer, std::int64_t examples);

  const nn::ForInference model_;
  const Mask& kept_;
  tasks::Task& task_;
  const EvaluatorSettings settings_;
  const Watch& watch_;
  std::filesystem::path journal_;
  std::map<std::string, Evaluated> answers_;  // by the mask's digest
  std::set<std::string> asked_;
  std::vector<std::vector<data::Rows>> parts_;  // of the split, least sure examples first; each as batches
  std::int64_t computed_ = 0, known_ = 0, stopped_ = 0, examples_ = 0, examples_asked_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace espalier::engine
