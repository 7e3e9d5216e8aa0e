// What else may be computed with the scores of a cell that was just chosen.
#pragma once

#include <string>
#include <vector>

#include "order/choosing.h"

namespace espalier::store {

// Settings of waiting cells of the chosen one's base group, one of each score group but its own and those that other workers
// are at. Within the claim's transaction.
std::vector<std::string> companions_of(ResultStore::State& state, const ChosenCell& chosen, const std::string& worker);

}  // namespace espalier::store
