// A metric against what is kept of each example: the two are written together, and one that was changed since says so.
#pragma once

#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::report {

struct ContradictedValue {
  std::string key, kind, metric;  // of the cell; "dense" or "pruned"
  std::int64_t step = 0;
  double recorded = 0;  // as the database has it
  double again = 0;     // from the answers to the examples
};

// "accuracy of the pruned model is recorded as 0.9, and what is kept of its examples gives 0.42"
std::string in_words(const ContradictedValue& value);

// Of the cells of an experiment, all of them where the name is empty; values whose answers are not kept are none.
std::vector<ContradictedValue> contradicted_values(const store::ResultStore& store, const std::string& experiment);

}  // namespace espalier::report
