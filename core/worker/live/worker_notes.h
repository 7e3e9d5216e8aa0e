// What this worker is at, noted in the database for whoever watches: seldom, as a trivial cell takes milliseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "commands.h"
#include "store/result_store.h"

namespace espalier::worker {

// Resident memory of a process; nothing where it is no more.
std::optional<std::int64_t> memory_of_process(int process);

class WorkerNotes {
 public:
  WorkerNotes(const CellsWords& words, const std::string& name);

  // Writes where the last note is older than two seconds. `computing`: the process that computes. A database that cannot be
  // written now is no reason to stop: cells do not depend on it.
  void note(store::ResultStore& store, const std::string& stage, int computing);
  void finished_one() { ++worker_.finished; }
  void forget(store::ResultStore& store);

 private:
  store::LiveWorker worker_;
  std::optional<std::chrono::steady_clock::time_point> noted_;
};

}  // namespace espalier::worker
