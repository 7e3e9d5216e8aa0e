// Ranges in axes: seed = "0..1999", sparsity = { from = 0.1, to = 0.9, step = 0.1 }.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "document.h"

namespace espalier::grid {

inline constexpr std::size_t most_values = 100'000;  // of one axis

enum class Numbers { Whole, Real };

// "0..4": both ends, where a text spells a range of whole numbers.
std::optional<std::pair<std::int64_t, std::int64_t>> whole_range(std::string_view text);

// Whether the value is a range of an axis of numbers; then its values are added, or what is wrong with it is said. Steps
// are exact decimals: the third value from 0.1 by 0.1 is 0.3, as it would be written.
bool add_range(const Value& value, const std::string& axis, Numbers numbers, std::vector<Value>& values,
               Complaints& complaints);

}  // namespace espalier::grid
