// The one clock of what is measured here.
#pragma once

#include <chrono>

namespace espalier::worker {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace espalier::worker
