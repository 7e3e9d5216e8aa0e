// What a model said of each example, as bytes: one number each, in file order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connection.h"

namespace espalier::store {

// As few bytes a number as hold all of them.
void insert_example_numbers(ResultStore::State& state, std::int64_t point_id, const std::string& name,
                            const std::vector<std::int64_t>& numbers);

}  // namespace espalier::store
