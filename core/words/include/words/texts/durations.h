// Seconds as people say them, in two units at most.
#pragma once

#include <espalier/export.h>

#include <string>

namespace espalier {

// "0.25 s", "12 s", "1 min 25 s", "2 h", "2 d 3 h"; "an unknown time" where it is no time.
ESPALIER_WORDS_API std::string duration_text(double seconds);

}  // namespace espalier
