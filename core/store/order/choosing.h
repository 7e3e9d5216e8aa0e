// Which cell a worker is handed next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "connection.h"

namespace espalier::store {

struct ChosenCell {
  std::int64_t cell = 0, experiment = 0, rank = 0;
  GroupsOfCell groups = {};
  bool is_new_score_group = false;  // the worker was at other scores before, or at none
};

// Of the waiting cells of the experiment that are asked for and of the lowest rank: one of the score group that the worker
// was at last, else of one of the base groups that it was at lately, else of the group that fewest others are at; the first
// wherever it suits as well as another. nullopt: none waits. Looks at a bounded number of rows, however many wait.
std::optional<ChosenCell> next_cell(ResultStore::State& state, const std::string& experiment,
                                    const std::string& worker);

}  // namespace espalier::store
