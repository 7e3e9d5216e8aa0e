#include "signals.h"

#include <ctime>
#include <initializer_list>

namespace espalier::runner {

SignalWatch::SignalWatch(bool has_a_time) {
  sigemptyset(&watched_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
    // What was ignored from the start stays so: nohup ignores SIGHUP, and a shell SIGINT for its background jobs.
    struct sigaction present = {};
    sigaction(signal, nullptr, &present);
    if (signal == SIGCHLD || present.sa_handler != SIG_IGN) sigaddset(&watched_, signal);
  }
  if (has_a_time) sigaddset(&watched_, SIGUSR1);
  sigprocmask(SIG_BLOCK, &watched_, &before_);
}

SignalWatch::~SignalWatch() {
  // A second Ctrl-C that arrived while we stopped must not kill the program once all is in order.
  const timespec now{0, 0};
  while (sigtimedwait(&watched_, nullptr, &now) > 0) {
  }
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

SignalWatch::Event SignalWatch::wait(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  const timespec limit{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  const int signal = sigtimedwait(&watched_, nullptr, &limit);
  if (signal < 0) return Event::Nothing;
  if (signal == SIGUSR1) return Event::TimeIsOver;
  return signal == SIGCHLD ? Event::ChildEnded : Event::Stop;
}

}  // namespace espalier::runner
