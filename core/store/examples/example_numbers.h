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

// What insert_example_numbers packed; nothing of a width that it does not write.
std::vector<std::int64_t> unpacked_numbers(const std::string& bytes, int width);
// One bit an example, the first in the highest.
std::vector<bool> unpacked_outcomes(const std::string& bytes, std::int64_t length);

}  // namespace espalier::store
