// Signals as events to wait for, in place of handlers: Ctrl-C, termination, the end of a child.
#pragma once

#include <csignal>

namespace espalier::runner {

class SignalWatch {
 public:
  // Holds back SIGINT, SIGTERM, SIGHUP and SIGCHLD until wait(); where this program has a time of its own, also SIGUSR1,
  // which says that it is nearly over.
  explicit SignalWatch(bool has_a_time = false);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  enum class Event { Nothing, ChildEnded, Stop, TimeIsOver };
  Event wait(double seconds);

 private:
  sigset_t watched_ = {};
  sigset_t before_ = {};
};

}  // namespace espalier::runner
