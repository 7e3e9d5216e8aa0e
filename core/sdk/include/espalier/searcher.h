// A searcher chooses what stays: it turns scores into a mask, or searches with the evaluator the host hands it.
//
// Tensors of the model may be on a GPU; scores, `remaining` and masks are on the CPU, and what goes into a mask is accepted
// from any device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/training.h>
#include <espalier/units.h>
#include <espalier/vocabulary.h>

namespace espalier {

// What may stay.
struct SearchBudget {
  // Sparsity: share of the units that goes. Heads: how many stay. Macs, Latency: the share of the dense model's multiply-adds
  // or time that may stay, the parts that no mask changes included. LossOfMetric: how much of the metric may be lost, in
  // its own unit.
  using Kind = BudgetKind;
  Kind kind = Kind::Sparsity;
  double value = 0;
  Rounding rounding = Rounding::Nearest;
  // What a sparsity is a share of: all units (those gone before count as removed), or those that remain.
  using Share = BudgetShare;
  Share of = Share::All;
  // Of a step towards a sparsity: that sparsity, a share of all units, which no step passes.
  double at_most = 1;
  Rounding at_most_rounding = Rounding::Nearest;
};

// What a mask is worth.
struct Evaluated {
  double quality = 0;    // the metric on the whole validation split, signed so that larger is better (-WER)
  bool complete = true;  // false: the evaluation stopped early, and quality is the most it could still have become
  // False: the most by a sample of examples, which is passed with a probability of at most the setting stopping_error.
  bool certain = true;
};

namespace host {
// Of a searcher that evaluates masks under a bound: the probability with which a mask that meets it may be taken for one
// that does not; 0: none.
inline constexpr const char* stopping_error = "stopping_error";
}  // namespace host

// Real evaluations of the model under masks, on the validation split, pruned heads left out. The metric is that of the
// searcher's setting `metric`, or the task's first (accuracy, map, -wer). An answer that is known already, in this search
// or in an earlier one, costs nothing.
class ESPALIER_SDK_API MaskEvaluator {
 public:
  virtual ~MaskEvaluator();
  // An evaluation that certainly ends below `at_least` may stop early; its answer then lies below that too.
  virtual Evaluated evaluate(const Mask& mask, double at_least = -std::numeric_limits<double>::infinity()) = 0;
  // The same of several masks, in their order. Those that have sites in common share the work, so that a searcher that
  // knows what it will ask should ask at once; each answer is the one that its mask alone would have had.
  virtual std::vector<Evaluated> evaluate_each(std::span<const Mask> masks,
                                               double at_least = -std::numeric_limits<double>::infinity());
  // Different masks asked for so far, those whose answers were known included: the same in a search that is resumed.
  virtual std::int64_t evaluations() const = 0;
  // Seconds since the search began.
  virtual double seconds() const = 0;
  // The smallest difference that two qualities can have and not be equal; 0 where there is none.
  virtual double resolution() const = 0;
};

// What the model under a mask costs, for one example of the validation split's typical length.
class ESPALIER_SDK_API MaskCosts {
 public:
  virtual ~MaskCosts();
  virtual double multiply_adds(const Mask& mask) = 0;  // closed form
  virtual double milliseconds(const Mask& mask) = 0;   // measured now on this device: the median of several passes
};

// What a search says while it runs and leaves behind; kept with the cell and shown by `espalier show`.
class ESPALIER_SDK_API SearchReport {
 public:
  virtual ~SearchReport();
  virtual void say(
      const std::string& line) = 0;  // progress, at most a few lines a second; stops a search that is cancelled
  // A fact of the whole search: "guarantee_met" (of a bound), "heads_rescued". A later value of a name replaces the
  // earlier one.
  virtual void note(const std::string& name, double value) = 0;
  virtual void note(const std::string& name, const std::string& value) = 0;
  // One point of the search's trajectory, in order: {"heads", 71}, {"quality", 0.93}.
  virtual void step(const std::map<std::string, double>& values) = 0;
};

struct SearchTask {
  PrunableModel& model;
  const Units& units;
  at::Tensor remaining;  // bool [units]: false for units that earlier steps of a schedule removed; they stay removed
  at::Tensor scores;     // [units], float64, CPU; undefined where the searcher's card needs none
  SearchBudget budget;
  Scope scope = Scope::Global;
  Random& random;
  // A copy of the model that the searcher may train. If it calls train(), the cell goes on with what it left.
  TrainableModel& trainable;
  BatchStream& batches;  // of the split the settings name; empty when the card needs no data
  MaskEvaluator& evaluator;
  MaskCosts& costs;
  SearchReport& report;
};

class ESPALIER_SDK_API Searcher {
 public:
  virtual ~Searcher();

  // The mask that meets the budget. Throw espalier::SettingsError when the budget cannot be met or is not understood.
  virtual Mask search(SearchTask& task) = 0;
};

// How many of `count` units a share removes: halves go down with Rounding::Nearest.
ESPALIER_SDK_API std::int64_t units_to_remove(double share, std::int64_t count, Rounding rounding);
// How many more of `count` units a sparsity budget removes when `remaining` of them are left; never more than at_most
// allows.
ESPALIER_SDK_API std::int64_t units_to_remove(const SearchBudget& budget, std::int64_t count, std::int64_t remaining);
// How many units a budget of heads or of sparsity keeps: of all units, `remaining` of which are left. Throws
// SettingsError for other budgets, naming `who`, and for a count that is not there.
ESPALIER_SDK_API std::int64_t units_to_keep(const SearchTask& task, const std::string& who);
// The `count` remaining units with the largest values, [units] bool; of equal ones the last stay. values: [units].
ESPALIER_SDK_API at::Tensor best_units(const SearchTask& task, const at::Tensor& values, std::int64_t count);

}  // namespace espalier

#define ESPALIER_SEARCHER(Class, ...) ESPALIER_PLUGIN(::espalier::Searcher, Class, "searcher", __VA_ARGS__)
