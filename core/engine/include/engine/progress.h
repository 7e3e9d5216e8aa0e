// How long work is watched: what it says, and how it is stopped.
#pragma once

#include <functional>
#include <string>

#include "words/interrupted.h"

namespace espalier::engine {

using Say = std::function<void(const std::string&)>;

using espalier::Interrupted;
using InterruptCheck = std::function<bool()>;

struct Watch {
  Say say = {};
  InterruptCheck interrupted = {};

  void tell(const std::string& line) const {
    if (say) say(line);
  }
  // Throws Interrupted.
  void check() const {
    if (interrupted && interrupted()) throw Interrupted{};
  }
};

}  // namespace espalier::engine
