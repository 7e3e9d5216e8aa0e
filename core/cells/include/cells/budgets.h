// What a cell may be asked to keep or to lose, a row a kind.
#pragma once

#include <vector>

#include "cells/range.h"
#include "cells/vocabulary.h"

namespace espalier {

struct BudgetFacts {
  BudgetKind kind;
  Range range;
  const char* says;
  bool whole;             // counted, not measured
  bool under_a_schedule;  // steps can lead to it
  bool reads_validation;  // to know whether it is met
};

const std::vector<BudgetFacts>& all_budgets();
const BudgetFacts& facts_of(BudgetKind kind);

}  // namespace espalier
