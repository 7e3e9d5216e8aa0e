// Seconds and bytes as people say them.
#pragma once

#include <cstdint>
#include <string>

namespace espalier::report {

std::string duration_text(double seconds);   // "1.2 s", "14 min", "3.5 h", "2.1 days"
std::string size_text(std::uint64_t bytes);  // "1.2 GB"

}  // namespace espalier::report
