#include "live/watch.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <initializer_list>

namespace espalier::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double share_of_time_for_estimates = 0.05;

std::chrono::duration<double> since(Clock::time_point begin) { return Clock::now() - begin; }

}  // namespace

WatchPause::WatchPause() {
  sigemptyset(&watched_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction present = {};
    sigaction(signal, nullptr, &present);
    if (present.sa_handler != SIG_IGN) sigaddset(&watched_, signal);
  }
  sigprocmask(SIG_BLOCK, &watched_, &before_);
}

WatchPause::~WatchPause() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

bool WatchPause::wait(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  const timespec limit{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  return sigtimedwait(&watched_, nullptr, &limit) < 0;
}

report::Live LiveLook::at(const store::ResultStore& store, const std::string& experiment) {
  const auto begun = Clock::now();
  if (!next_ || begun >= *next_) {
    kinds_ = store.kinds(experiment);
    next_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(since(begun) / share_of_time_for_estimates);
  }
  report::Live live;
  live.workers = store.workers(experiment);
  live.is_by_kind = true;
  const auto working = std::count_if(live.workers.begin(), live.workers.end(), [](const store::LiveWorker& worker) {
    return worker.where != store::Whereabouts::Gone;
  });
  live.seconds_left = store::seconds_left(kinds_, working);
  return live;
}

}  // namespace espalier::cli
