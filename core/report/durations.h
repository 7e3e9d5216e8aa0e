// Seconds as people say them.
#pragma once

#include <string>

namespace espalier::report {

std::string duration_text(double seconds);  // "1.2 s", "14 min", "3.5 h", "2.1 days"

}  // namespace espalier::report
