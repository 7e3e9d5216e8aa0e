// A finished attempt on its way in.
#pragma once

#include <cstdint>

#include "cells/attempt.h"
#include "connection.h"

namespace espalier::store {

// The id of a text that is kept once, by its digest, in a table (digest, content).
std::int64_t id_of_content(ResultStore::State& state, const std::string& table, const std::string& content);

// Points with their metrics, latencies and predictions, artifacts and plugins. The id of the last point; 0: there is none.
std::int64_t insert_results(ResultStore::State& state, std::int64_t attempt_id, const Attempt& attempt);

}  // namespace espalier::store
