// Versions that are part of what is recorded.
#pragma once

#include <string>

#include <espalier/export.h>

namespace espalier {

// Raised whenever the engine's numbers change; part of every cell's key.
inline constexpr int results_version = 2;
// The same for what is computed in bfloat16 alone, beside it.
inline constexpr int bfloat16_version = 2;

ESPALIER_WORDS_API std::string version();  // of Espalier, as in the file VERSION
ESPALIER_WORDS_API std::string commit();   // git commit the program was built from, or "unknown"

}  // namespace espalier
