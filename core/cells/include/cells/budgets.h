// What a cell may be asked to keep or to lose, a row a kind; ranges of numbers.
#pragma once

#include <limits>
#include <vector>

#include "cells/vocabulary.h"

namespace espalier {

// Which numbers a setting allows, and how messages say so.
struct Range {
  double least;
  double most;
  const char* words;

  bool holds(double number) const { return number >= least && number <= most; }  // false of what is no number
};

inline constexpr double no_limit = std::numeric_limits<double>::max();  // finite: refuses infinities
inline constexpr double above_zero = std::numeric_limits<double>::denorm_min();
inline constexpr Range share = {0, 1, "a number from 0 to 1"};
inline constexpr Range positive_share = {above_zero, 1, "a number above 0 and at most 1"};
inline constexpr Range positive = {above_zero, no_limit, "a positive number"};
inline constexpr Range not_negative = {0, no_limit, "a number of at least 0"};

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
