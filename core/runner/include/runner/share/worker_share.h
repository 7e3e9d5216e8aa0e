// How many workers with how many threads each compute most on this machine: measured once for a machine and a model, and kept
// in the user's cache folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grid/cells.h"

namespace espalier::runner {

struct WorkerShare {
  int workers = 1, threads = 1;
  double examples_a_second = 0;  // all workers' together
  bool measured_now = false;
};

// Shares of so many processors that leave none over and are worth measuring: each number of workers a power of two, or all
// processors with one thread each. Whose memory would not suffice are left out; one worker is always among them.
std::vector<WorkerShare> shares_of(int processors, std::int64_t worker_bytes, std::int64_t free_bytes,
                                   std::int64_t cells);

// By the first cell's model and data. Says on stderr what it measures. Throws SettingsError where the worker cannot be
// started, and the worker's own error where it cannot measure.
WorkerShare best_share(const grid::Cells& cells);

}  // namespace espalier::runner
