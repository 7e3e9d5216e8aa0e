#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/recovery.h>
#include <espalier/scorer.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace espalier {

Scorer::~Scorer() = default;
Searcher::~Searcher() = default;
Recovery::~Recovery() = default;
MaskEvaluator::~MaskEvaluator() = default;
MaskCosts::~MaskCosts() = default;
SearchReport::~SearchReport() = default;

std::vector<Evaluated> MaskEvaluator::evaluate_each(std::span<const Mask> masks, double at_least) {
  std::vector<Evaluated> answers;
  for (const auto& mask : masks) answers.push_back(evaluate(mask, at_least));
  return answers;
}

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

std::int64_t units_to_remove(const SearchBudget& budget, std::int64_t count, std::int64_t remaining) {
  const auto more = [&](double share, Rounding rounding) {
    return std::max<std::int64_t>(0, units_to_remove(share, count, rounding) - (count - remaining));
  };
  const auto asked = budget.of == SearchBudget::Share::Remaining
                         ? units_to_remove(budget.value, remaining, budget.rounding)
                         : more(budget.value, budget.rounding);
  return std::min(asked, more(budget.at_most, budget.at_most_rounding));
}

std::int64_t units_to_keep(const SearchTask& task, const std::string& who) {
  using Kind = SearchBudget::Kind;
  const auto count = task.units.count(), left = task.remaining.sum().item<std::int64_t>();
  if (task.budget.kind == Kind::Sparsity) return left - units_to_remove(task.budget, count, left);
  if (task.budget.kind != Kind::Heads)
    throw SettingsError(who + " understands the budgets heads and sparsity, and was given another");
  const auto wanted = static_cast<std::int64_t>(task.budget.value);
  if (wanted < 0 || wanted > count) {
    throw SettingsError("heads = " + std::to_string(wanted) + " cannot be kept: the chosen sites have " +
                        std::to_string(count));
  }
  return std::min(wanted, left);
}

at::Tensor best_units(const SearchTask& task, const at::Tensor& values, std::int64_t count) {
  const auto flat = values.to(at::kCPU, at::kDouble).contiguous();
  const auto remaining = task.remaining.contiguous();
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < task.units.count(); ++i) {
    if (remaining.const_data_ptr<bool>()[i]) order.push_back(i);
  }
  // Ties: the lowest goes first.
  const auto* value = flat.const_data_ptr<double>();
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return value[a] < value[b]; });
  auto kept = at::zeros({task.units.count()}, at::kBool);
  const auto drop = std::max<std::int64_t>(0, static_cast<std::int64_t>(order.size()) - count);
  for (auto i = static_cast<std::size_t>(drop); i < order.size(); ++i) kept.mutable_data_ptr<bool>()[order[i]] = true;
  return kept;
}

}  // namespace espalier
