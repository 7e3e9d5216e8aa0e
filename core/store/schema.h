// The schema as a list of steps from one version to the next. A database of any earlier version is brought up to date
// by the steps that it lacks.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier::store {

// Marks the file as Espalier's in its header: "Espl".
inline constexpr std::int64_t application_id = 0x4573706C;

// Applied to a database of version N-1, `sql` makes version N, where N is the step's place in the list, from 1.
struct Migration {
  const char* sql;
};

const std::vector<Migration>& migrations();

}  // namespace espalier::store
