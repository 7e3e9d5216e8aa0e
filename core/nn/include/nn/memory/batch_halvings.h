// How much less than usual a process takes at a time, because memory did not suffice before: batches of inference and of
// scoring, and what is kept in memory, are halved so often. Batches that decide a number, of training and of scorers that say
// so, stay what they are.
#pragma once

#include <cstdint>

namespace espalier::nn {

// Of the whole process, said before anything is computed in it.
void set_batch_halvings(std::int64_t halvings);

// A size or a number of bytes after so many halvings; at least 1.
std::int64_t halved(std::int64_t size);

}  // namespace espalier::nn
