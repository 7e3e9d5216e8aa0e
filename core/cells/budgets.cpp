#include "cells/budgets.h"

namespace espalier {

const std::vector<BudgetFacts>& all_budgets() {
  constexpr bool whole = true, steps = true, validation = true;
  static const std::vector<BudgetFacts> budgets = {
      {BudgetKind::Sparsity, share, "the share of the units that goes", !whole, steps, !validation},
      {BudgetKind::Heads, {1, no_limit, "an integer of at least 1"}, "how many heads stay", whole, steps, !validation},
      {BudgetKind::Macs,
       {above_zero, 1, "a share of the dense model's multiply-adds, a number above 0 and at most 1"},
       "how much of it may stay",
       !whole,
       !steps,
       !validation},
      {BudgetKind::Latency,
       {above_zero, 1, "a share of the dense model's time, a number above 0 and at most 1"},
       "how much of it may stay",
       !whole,
       !steps,
       !validation},
      {BudgetKind::LossOfMetric, not_negative, "how much of the metric may be lost, in its own unit", !whole, !steps,
       validation}};
  return budgets;
}

const BudgetFacts& facts_of(BudgetKind kind) { return all_budgets().at(static_cast<std::size_t>(kind)); }

}  // namespace espalier
