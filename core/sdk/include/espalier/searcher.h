// A searcher chooses what stays: it turns scores into a mask, or searches with the evaluator the host hands it.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>

#include <espalier/model.h>
#include <espalier/plugin.h>
#include <espalier/units.h>

namespace espalier {

enum class Scope {
  Global,  // all sites compete
  Local,   // each site gives the same share
};
enum class Rounding { Nearest /* halves down */, Floor, Ceil };

// What may stay.
struct SearchBudget {
  enum class Kind { Sparsity, Heads, Macs, Latency, LossOfMetric } kind = Kind::Sparsity;
  double value = 0;
  Rounding rounding = Rounding::Nearest;
  // What a sparsity is a share of: all units (those gone before count as removed), or those that remain.
  enum class Share { All, Remaining } of = Share::All;
};

struct SearchTask {
  PrunableModel& model;
  const Units& units;
  at::Tensor remaining;  // bool [units]: false for units that earlier steps of a schedule removed; they stay removed
  at::Tensor scores;     // [units], float64, CPU; undefined where the searcher's card needs none
  SearchBudget budget;
  Scope scope = Scope::Global;
  Random& random;
  // Metrics of the model under a mask on the validation split; cached by mask.
  std::function<std::map<std::string, double>(const Mask&)> evaluate;
};

class ESPALIER_SDK_API Searcher {
 public:
  virtual ~Searcher();

  // The mask that meets the budget. Throw espalier::SettingsError when the budget cannot be met or is not understood.
  virtual Mask search(SearchTask& task) = 0;
};

// How many of `count` units a share removes: halves go down with Rounding::Nearest.
ESPALIER_SDK_API std::int64_t units_to_remove(double share, std::int64_t count, Rounding rounding);
// How many more of `count` units a sparsity budget removes when `remaining` of them are left.
ESPALIER_SDK_API std::int64_t units_to_remove(const SearchBudget& budget, std::int64_t count, std::int64_t remaining);

}  // namespace espalier

#define ESPALIER_SEARCHER(Class, ...) ESPALIER_PLUGIN(::espalier::Searcher, Class, "searcher", __VA_ARGS__)
