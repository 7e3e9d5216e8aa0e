#include "engine/searching.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <optional>

#include "engine/base_model.h"
#include "engine/scoring.h"
#include "latency.h"
#include "loader/visit.h"
#include "mask_evaluator.h"
#include "model_in_training.h"
#include "nn/arithmetic.h"
#include "words/printable.h"

namespace espalier::engine {
namespace {

// Of a search without data.
[[noreturn]] void refuse(const std::string& searcher, const char* what) {
  throw SettingsError("searcher '" + searcher + "' " + what +
                      ", which needs data\n    use it in an experiment (espalier run)");
}

class NoTraining final : public TrainableModel {
 public:
  explicit NoTraining(std::string searcher) : searcher_(std::move(searcher)) {}
  const std::vector<TrainableTensor>& tensors() override { refuse(searcher_, "trains"); }
  std::int64_t steps(const TrainingPlan&) override { refuse(searcher_, "trains"); }
  TrainingOutcome train(const TrainingPlan&, const std::vector<ParameterGroup>&, const Objective&,
                        const TrainingHooks&) override {
    refuse(searcher_, "trains");
  }
  PrunableModel& now() override { refuse(searcher_, "trains"); }
  PrunableModel& dense() override { refuse(searcher_, "trains"); }
  void scale_outputs(std::int64_t, const at::Tensor&) override { refuse(searcher_, "trains"); }

 private:
  std::string searcher_;
};

class NoEvaluator final : public MaskEvaluator {
 public:
  explicit NoEvaluator(std::string searcher) : searcher_(std::move(searcher)) {}
  Evaluated evaluate(const Mask&, double) override { refuse(searcher_, "evaluates masks"); }
  std::int64_t evaluations() const override { return 0; }
  double seconds() const override { return 0; }
  double resolution() const override { return 0; }

 private:
  std::string searcher_;
};

class ModelCosts final : public MaskCosts {
 public:
  ModelCosts(const SearchSource& source, const SearchRequest& request, const Watch& watch)
      : source_(source), request_(request), watch_(watch) {}

  double multiply_adds(const Mask& mask) override {
    return static_cast<double>(compacted(mask)->operations(tokens()).multiply_adds);
  }

  double milliseconds(const Mask& mask) override {
    const nn::ComputeGuard compute(request_.compute, source_.model.device());
    const auto& examples = *split().examples;
    const auto example = typical_example(examples);
    const auto smaller = compacted(mask);
    const nn::ForInference pruned(*smaller, request_.compute);
    return median_milliseconds(*pruned, examples.batch({&example, 1}), measured_passes, watch_);
  }

 private:
  static constexpr std::int64_t measured_passes = 21;

  std::unique_ptr<nn::Model> compacted(const Mask& mask) const {
    return source_.model.compacted(mask.intersected(source_.kept), request_.softmax_scale);
  }
  const tasks::Split& split() const {
    if (source_.task == nullptr) refuse(request_.searcher, "asks what masks cost");
    return source_.task->split(source_.task->has_split("validation") ? "validation" : "train");
  }
  std::int64_t tokens() const { return typical_length(*split().examples); }

  const SearchSource& source_;
  const SearchRequest& request_;
  const Watch& watch_;
};

// What a searcher says is kept with the cell, so it is bounded, and text that can be written as JSON.
class KeptReport final : public SearchReport {
 public:
  // `on_split`: null where the searcher evaluates no masks.
  KeptReport(const Watch& watch, const SplitEvaluator* on_split) : watch_(watch), on_split_(on_split) {}
  void say(const std::string& line) override {
    watch_.check();
    watch_.tell(printable_line(line, longest_line));
  }
  void note(const std::string& name, double value) override { keep(name, value); }
  void note(const std::string& name, const std::string& value) override { keep(name, printable(value)); }
  void step(const std::map<std::string, double>& values) override {
    if (record.trajectory.size() >= most_steps || values.size() > most_notes) {
      ++record.left_out_steps;
      return;
    }
    auto& kept = record.trajectory.emplace_back();
    for (const auto& [name, value] : values) kept[printable_line(name)] = value;
    // The same of all searchers, so that one figure can show several.
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begun_;
    kept.try_emplace("seconds", since.count());
    if (on_split_ != nullptr) kept.try_emplace("evaluations", static_cast<double>(on_split_->evaluations()));
  }
  SearchRecord record;

 private:
  static constexpr std::size_t longest_line = 500, most_notes = 1000, most_steps = 100'000;

  void keep(const std::string& name, std::variant<double, std::string> note) {
    const auto key = printable_line(name);
    if (record.notes.size() < most_notes || record.notes.contains(key)) record.notes[key] = std::move(note);
  }
  const Watch& watch_;
  const SplitEvaluator* on_split_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

// What a searcher reads; null: nothing.
const tasks::Split* split_of(const loader::Plugin& plugin, const Settings& settings, tasks::Task* task) {
  return plugin.has(needs_data) ? &task->split(settings.get<std::string>(host::split)) : nullptr;
}

SearchBudget budget_of(const SearchRequest& request) {
  SearchBudget budget;
  if (!request.budget.kind) throw SettingsError("searcher '" + request.searcher + "' was given no budget");
  budget.kind = *request.budget.kind;
  budget.value = request.budget.value;
  budget.rounding = request.rounding;
  budget.at_most = request.at_most;
  budget.at_most_rounding = request.at_most_rounding;
  if (request.of_remaining) budget.of = SearchBudget::Share::Remaining;
  return budget;
}

void refuse_without_data(const std::string& searcher, const loader::Plugin& plugin) {
  if (plugin.has(needs_data)) refuse(searcher, "looks at examples");
  if (plugin.has(trains)) refuse(searcher, "trains");
  if (plugin.has(evaluates)) refuse(searcher, "evaluates masks");
}

EvaluatorSettings evaluator_settings(const SearchSource& source, const SearchRequest& request,
                                     std::function<void()> check) {
  const auto metric =
      request.settings.has(host::metric) ? request.settings.get<std::string>(host::metric) : std::string();
  const double stopping_error =
      request.settings.has(host::stopping_error) ? request.settings.get<double>(host::stopping_error) : 0;
  return {metric,         request.compute, request.softmax_scale, source.folder, source.model_digest,
          stopping_error, std::move(check)};
}

// What evaluating took, and how it went where the searcher told no steps.
void take_evaluations(Found& found, const SplitEvaluator& on_split) {
  found.record.work = on_split.work();
  if (found.record.trajectory.empty()) found.record.trajectory = on_split.improvements();
  if (on_split.stopping_error() > 0) {
    found.record.notes["stopping"] = fmt::format("{} of {} answers within an error of {}", on_split.within_error(),
                                                 on_split.evaluations(), on_split.stopping_error());
  }
  found.journal = on_split.journal();
}

// What the searcher trained, once it has gone. Throws PluginError where weights are no numbers.
void take_model(Found& found, ModelInTraining& model, const std::string& searcher) {
  found.model = model.release();
  found.record.trainings = model.reports();
  std::vector<at::Tensor> tensors;
  if (found.model) {
    for (const auto& parameter : found.model->parameters()) tensors.push_back(parameter.tensor);
  }
  if (!all_finite(tensors)) throw PluginError("searcher '" + searcher + "' left weights that are not finite");
}

}  // namespace

Found search(const loader::PluginCatalog& catalog, const SearchSource& source, const SearchRequest& request,
             const Watch& watch) {
  const auto budget = budget_of(request);
  const auto& plugin = catalog.find("searcher", request.searcher);
  Untouched shown;
  shown.add(source.dense, source.dense_weights);
  shown.add(source.model, nullptr);
  loader::Visit<Searcher> searcher(catalog, request.searcher, request.settings);
  if (source.task == nullptr) refuse_without_data(request.searcher, plugin);
  const auto prunable = source.model.prunable(
      loss_of("searcher '" + request.searcher + "'", request.settings, source.model, source.dense, source.task));
  Random random(seed_for("searcher " + request.searcher, request.seed));
  const auto* split = split_of(plugin, request.settings, source.task);
  tasks::ScoringBatches batches(
      split, source.model, request.settings, plugin.description,
      source.task == nullptr ? 1 : tasks::scoring_examples(source.model, split, source.task->device()));

  std::optional<ModelInTraining> model;
  if (source.task != nullptr) {
    model.emplace(source.model, source.dense, *source.task,
                  seed_for("searcher training " + request.searcher, request.seed), watch);
  }
  NoTraining no_training(request.searcher);
  TrainableModel& trainable = model ? static_cast<TrainableModel&>(*model) : no_training;

  std::optional<SplitEvaluator> on_split;
  if (plugin.has(evaluates)) {
    on_split.emplace(source.model, source.kept, *source.task,
                     evaluator_settings(source, request, [&] { shown.check(searcher.who()); }), watch);
  }
  NoEvaluator no_evaluator(request.searcher);
  MaskEvaluator& evaluator = on_split ? static_cast<MaskEvaluator&>(*on_split) : no_evaluator;

  ModelCosts costs(source, request, watch);
  KeptReport report(watch, on_split ? &*on_split : nullptr);
  // A copy: the scores are kept, and serve other cells.
  const auto own_scores = source.scores.defined() ? source.scores.clone() : source.scores;
  SearchTask task{*prunable,  source.units, source.units.remaining(source.kept),
                  own_scores, budget,       request.scope,
                  random,     trainable,    batches,
                  evaluator,  costs,        report};
  const nn::ComputeGuard compute(nn::for_gradients(request.compute), source.model.device(),
                                 nn::ComputeGuard::Purpose::Gradients);
  const nn::DeterministicGuard deterministic(source.model.device());
  Found found;
  found.mask = loader::call_searcher(request.searcher, *searcher, task).intersected(source.kept);
  searcher.leave();
  shown.check(searcher.who());
  found.record = std::move(report.record);
  if (on_split) take_evaluations(found, *on_split);
  if (model) take_model(found, *model, request.searcher);
  return found;
}

std::unique_ptr<MaskEvaluator> split_evaluator(const nn::Model& model, const Mask& kept, tasks::Task& task,
                                               const Watch& watch) {
  return std::make_unique<SplitEvaluator>(model, kept, task, EvaluatorSettings{}, watch);
}

}  // namespace espalier::engine
