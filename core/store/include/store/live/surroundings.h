// What the store asks of the world around its file: what time it is, and where a worker is. A simulation of kills, jumping
// clocks and full disks gives answers of its own.
#pragma once

#include <functional>
#include <string>

#include "store/worker_name.h"

namespace espalier::store {

struct Surroundings {
  std::function<double()> now_seconds;  // since 1970
  std::function<Whereabouts(const std::string& worker)> whereabouts;
};

Surroundings real_surroundings();

}  // namespace espalier::store
