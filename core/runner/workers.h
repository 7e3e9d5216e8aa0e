// The worker processes of one run: started with their own share of threads, and ended with patience.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cells/device.h"
#include "cells/run/limits.h"
#include "child_process.h"
#include "signals.h"

namespace espalier::runner {

struct WorkerCommand {
  std::filesystem::path program;
  std::filesystem::path database;
  std::string experiment;
  int threads = 1;
  std::vector<std::string> plugins;
  std::filesystem::path log;
  std::vector<DeviceChoice> devices = {{}};
  std::int64_t workers = 1;  // at most at once
  CellLimits limits;
  // Each worker stays on processors of its own: where together they use all that this program may. Fewer are left to the
  // system, which knows what else runs.
  bool on_their_own_processors = false;
  bool fail_fast = false;  // a worker ends at its first cell that fails
};

struct EndedWorker {
  std::string name;  // as the store knows it: HOST:PID:START_TICKS
  Ending ending;
  std::int64_t finished_at_start = 0;  // cells of the experiment that had ended when it was started
  std::string left_its_device;         // a sentence, where it gave its device up; empty otherwise
};

// What a worker's end means for whoever started it, as an error. Without a reason of its own it is most often a plugin, whose
// code runs as soon as it is loaded.
[[noreturn]] void throw_as_worker(const Ending& ending, const std::string& message);

class Workers {
 public:
  explicit Workers(WorkerCommand command);  // opens the log; throws StoreError where it cannot be written
  ~Workers();                               // stops what still runs
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t size() const { return running_.size(); }
  // On the device that has the fewest, of those that no worker gave up.
  void start(std::int64_t finished);
  bool has_devices() const;
  std::vector<EndedWorker> collect_ended();
  // Asks all to give their cells back, and returns when they have ended; kills those that take longer, and all of them
  // where it is signalled once more.
  void stop(SignalWatch& signals);

  static constexpr double patience_when_stopping_seconds = 10;
  static constexpr double look_every_seconds = 0.25;  // whether one has ended
  static constexpr int failed_starts_allowed = 3;     // in a row, before a cell is claimed

 private:
  void send_to_all(int signal);

  struct Worker {
    ChildProcess process;
    std::string name;
    std::int64_t finished_at_start;
    std::size_t device;
    std::size_t place;  // among the workers: which processors are its own
  };
  std::size_t emptiest_device() const;
  std::size_t free_place() const;
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  WorkerCommand command_;
  std::unique_ptr<std::FILE, CloseFile> log_;
  std::vector<Worker> running_;
  std::vector<bool> left_out_;  // by device
};

}  // namespace espalier::runner
