// Signals as events to wait for, in place of handlers: Ctrl-C, termination, the end of a child.
#pragma once

#include <csignal>

namespace espalier::runner {

class SignalWatch {
 public:
  SignalWatch();  // holds back SIGINT, SIGTERM, SIGHUP and SIGCHLD until wait()
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  enum class Event { Nothing, ChildEnded, Stop };
  Event wait(double seconds);

 private:
  sigset_t watched_ = {};
  sigset_t before_ = {};
};

}  // namespace espalier::runner
