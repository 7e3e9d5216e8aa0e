// The fewest edits between two sequences, by bits: 64 rows of the table at a time, in memory that grows with the
// sequences and not with their product.
#pragma once

#include <cstdint>
#include <span>

#include "speech/error_rate.h"

namespace espalier::speech {

// As word_errors and character_errors count; equal numbers are equal words or characters.
EditCounts edits(std::span<const std::uint32_t> reference, std::span<const std::uint32_t> hypothesis);

}  // namespace espalier::speech
