// How long work is watched: what it says, and how it is stopped.
#pragma once

#include <functional>
#include <string>

namespace espalier {

// What travels through a computation when the user interrupts it. Not an error of anything: whoever catches errors lets
// it pass.
struct Interrupted {};

using Say = std::function<void(const std::string&)>;
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

}  // namespace espalier
