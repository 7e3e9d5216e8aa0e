// What masks are worth to a searcher: real evaluations on the validation split, each computed once and kept on disk, what
// masks have in common computed once, and stopped as soon as they certainly miss what is asked.
#pragma once

#include <espalier/searcher.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cells/point.h"
#include "nn/arithmetic.h"
#include "nn/model.h"
#include "nn/series/mask_series.h"
#include "tasks/bounded.h"
#include "tasks/task.h"

namespace espalier::engine {

struct EvaluatorSettings {
  std::string metric;  // empty: the task's first
  ComputeType compute = ComputeType::Float32;
  nn::SoftmaxScale scale = {};
  std::filesystem::path folder;      // where answers are kept; empty: they are not
  std::string model_digest;          // what the answers are of
  double stopping_error = 0;         // host::stopping_error
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

  // Metrics that the task can bound (accuracy, macro_f1, wer, cer): examples on which a model was wrong or least sure come
  // first, and the evaluation ends when those that are left cannot bring it back to `at_least`. Others are always computed
  // whole.
  //
  // With a stopping_error, of accuracy alone, examples come in an order that is drawn for the masks that are asked together,
  // and an evaluation ends as well when what was seen would be too improbable of a mask that meets `at_least`. The error
  // is shared between all times at which that is looked at. What meets the bound is still computed whole: what a search
  // ends with is certain, and what it passed over need not be.
  Evaluated evaluate(const Mask& mask, double at_least) override;
  std::vector<Evaluated> evaluate_each(std::span<const Mask> masks, double at_least) override;
  std::int64_t evaluations() const override { return static_cast<std::int64_t>(asked_.size()); }
  double seconds() const override;
  double resolution() const override;

  // Each answer that was better than all before it, after how many evaluations and seconds: the trajectory of a searcher
  // that tells no steps of its own.
  const std::vector<std::map<std::string, double>>& improvements() const { return improvements_; }
  EvaluationWork work() const;
  // Of what was asked, how many answers are certain but for stopping_error.
  std::int64_t within_error() const;
  double stopping_error() const { return settings_.stopping_error; }
  // The file of the answers; empty where none are kept.
  const std::filesystem::path& journal() const { return journal_; }

 private:
  // A mask that is being evaluated: what it answers to each example, in file order.
  struct Question {
    Mask mask;
    std::string digest;
    std::unique_ptr<nn::Model> model = {};
    std::vector<std::int64_t> answers = {};
    std::vector<double> sureness = {};
    std::int64_t examples = 0;  // computed
    std::optional<Evaluated> answer = {};
  };

  const tasks::Split& split() const;
  tasks::BoundedMetric* bounds() const;  // null: the metric has none
  std::string metric() const;
  const Evaluated* known(const std::string& digest, double at_least) const;
  void compute(std::span<Question> questions, double at_least);
  void compute_together(std::span<Question*> questions, double at_least);
  void compute_part(std::span<Question*> questions, const tasks::Split& part, const data::Rows& rows, double at_least);
  void note(Question& question, const std::vector<tasks::BoundedMetric::Found>& found, const data::Rows& rows) const;
  void keep(const Question& question);
  void order_by(const Question& question);
  void draw_order(std::span<const Question> questions);
  Evaluated most_of(const Question& question) const;
  void cut(const data::Rows& order);
  const std::vector<tasks::Split>& parts();
  data::Rows all_rows() const;
  void read_journal();
  void write(const std::string& digest, const Evaluated& answer, std::int64_t examples);

  nn::MaskSeries series_;
  const Mask& kept_;
  tasks::Task& task_;
  const EvaluatorSettings settings_;
  const Watch& watch_;
  std::filesystem::path journal_;
  std::vector<std::map<std::string, double>> improvements_;
  std::map<std::string, Evaluated> answers_;  // by the mask's digest
  std::set<std::string> asked_;
  mutable std::optional<std::unique_ptr<tasks::BoundedMetric>> bounds_;
  std::optional<Mask> ordered_by_;   // whose sureness the order of the parts comes from
  std::vector<data::Rows> rows_;     // of the parts, least sure examples first
  std::vector<tasks::Split> parts_;  // made of them when they are first asked for
  std::int64_t computed_ = 0, known_ = 0, stopped_ = 0, examples_ = 0, examples_asked_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), said_ = begun_;
};

}  // namespace espalier::engine
