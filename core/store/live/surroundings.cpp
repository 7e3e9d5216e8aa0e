#include "store/live/surroundings.h"

#include <chrono>

namespace espalier::store {

Surroundings real_surroundings() {
  return {[] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); },
          [](const std::string& worker) { return whereabouts(worker); }};
}

}  // namespace espalier::store
