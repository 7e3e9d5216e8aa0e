// What an attempt has taken so far, of time and of memory, and whether that is more than it may.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cells/attempt.h"
#include "cells/run/limits.h"
#include "loader/at_work.h"

namespace espalier::worker {

class Spent {
 public:
  // From now on, by this process, which keeps the note.
  Spent(const CellLimits& limits, pid_t process, const loader::WorkNote& note);

  // Why it is to be ended; looks at the process's memory.
  std::optional<FailureReason> exceeded();
  // What is said of it then, and what to do; `at_work` follows the sentence.
  std::string in_words(FailureReason exceeded, const std::string& at_work) const;

  double seconds() const;
  // Without what the process says that it waited for others, which is no fault of the cell: what a time limit is of.
  double own_seconds() const;
  // How long its limits need not be looked at, at most so many seconds.
  double seconds_to_wait(double at_most) const;
  // The most resident memory since the beginning; nullopt: the system does not say.
  std::optional<std::int64_t> peak_memory_bytes();
  // Whether the system ended a process for want of memory since the beginning.
  bool system_ran_out_of_memory() const;

 private:
  const CellLimits limits_;
  const pid_t process_;
  const loader::WorkNote& note_;
  const std::chrono::steady_clock::time_point began_;
  std::int64_t peak_bytes_ = 0;
  const std::int64_t killed_before_;
};

}  // namespace espalier::worker
