#include <espalier/recovery.h>
#include <espalier/scorer.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>

namespace espalier {

Scorer::~Scorer() = default;
Searcher::~Searcher() = default;
Recovery::~Recovery() = default;
PrunedModel::~PrunedModel() = default;

std::int64_t units_to_remove(double share, std::int64_t count, Rounding rounding) {
  const double exact = share * static_cast<double>(count);
  // A share such as 0.35 of 20 is 7 but for the last bits of the product.
  const double slack = 1e-9 * std::max(1.0, exact);
  double units = 0;
  switch (rounding) {
    case Rounding::Nearest: units = std::ceil(exact - 0.5 - slack); break;
    case Rounding::Floor: units = std::floor(exact + slack); break;
    case Rounding::Ceil: units = std::ceil(exact - slack); break;
  }
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(units), 0, count);
}

TrainingPlan training_plan(const Settings& settings) {
  TrainingPlan plan;
  plan.epochs = settings.get<std::int64_t>("epochs");
  plan.batch = settings.get<std::int64_t>("batch");
  plan.accumulate = settings.get<std::int64_t>("accumulate");
  plan.optimiser = settings.get<std::string>("optimiser");
  plan.momentum = settings.get<double>("momentum");
  plan.warmup = settings.get<double>("warmup");
  plan.decay = settings.get<std::string>("decay");
  plan.clip_norm = settings.get<double>("clip_norm");
  return plan;
}

std::vector<ParameterGroup> parameter_groups(const std::vector<TrainableTensor>& tensors, const Settings& settings) {
  const double rate = settings.get<double>("learning_rate");
  std::vector<ParameterGroup> groups = {{{}, rate, settings.get<double>("weight_decay")}, {{}, rate, 0}};
  for (const auto& tensor : tensors) groups[tensor.decays ? 0 : 1].tensors.push_back(tensor.value);
  return groups;
}

std::int64_t units_to_remove(const SearchBudget& budget, std::int64_t count, std::int64_t remaining) {
  if (budget.of == SearchBudget::Share::Remaining) return units_to_remove(budget.value, remaining, budget.rounding);
  const auto gone = count - remaining;
  return std::max<std::int64_t>(0, units_to_remove(budget.value, count, budget.rounding) - gone);
}

}  // namespace espalier
