// Which runs are at work: each says so before its workers claim anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connection.h"

namespace espalier::store {

// Names of the runs on the experiment (0: on any) whose process lives.
std::vector<std::string> runs_at_work(ResultStore::State& state, std::int64_t experiment_id);

// Whether somebody computes a cell of the experiment (0: of any), or a run other than this one is there that may. A run of an
// earlier Espalier is known by the cell that runs.
bool others_are_at_work(ResultStore::State& state, std::int64_t experiment_id, const std::string& run);

// What runs that ended without saying so left goes. An empty name: nobody is registered.
void register_run(ResultStore::State& state, std::int64_t experiment_id, const std::string& run);

}  // namespace espalier::store
