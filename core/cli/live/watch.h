// Looking at a run again and again.
#pragma once

#include <chrono>
#include <csignal>
#include <optional>
#include <string>

#include "report/status.h"
#include "store/result_store.h"

namespace espalier::cli {

// Holds Ctrl-C and TERM back while it lives: who watches has nothing to lose, and ends well.
class WatchPause {
 public:
  WatchPause();
  ~WatchPause();
  WatchPause(const WatchPause&) = delete;
  WatchPause& operator=(const WatchPause&) = delete;

  bool wait(double seconds);  // false: asked to end

 private:
  sigset_t watched_ = {}, before_ = {};
};

// What is known of the workers and of the time left. The estimate reads all cells, so it is made anew only where that takes
// a small share of the time.
class LiveLook {
 public:
  report::Live at(const store::ResultStore& store, const std::string& experiment);

 private:
  std::vector<store::KindOfCells> kinds_;
  std::optional<std::chrono::steady_clock::time_point> next_;
};

}  // namespace espalier::cli
