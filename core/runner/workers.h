// The worker processes of one run: started with their own share of threads, and ended with patience.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cells/device.h"
#include "child_process.h"

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
};

struct EndedWorker {
  std::string name;  // as the store knows it: HOST:PID:START_TICKS
  Ending ending;
  std::int64_t finished_at_start = 0;  // cells of the experiment that had ended when it was started
};

class Workers {
 public:
  explicit Workers(WorkerCommand command);  // opens the log; throws StoreError where it cannot be written
  ~Workers();                               // stops what still runs
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  std::size_t size() const { return running_.size(); }
  // On the device that has the fewest.
  void start(std::int64_t finished);
  std::vector<EndedWorker> collect_ended();
  void ask_to_stop();
  void kill();

 private:
  struct Worker {
    ChildProcess process;
    std::string name;
    std::int64_t finished_at_start;
    std::size_t device;
  };
  std::size_t emptiest_device() const;
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  WorkerCommand command_;
  std::unique_ptr<std::FILE, CloseFile> log_;
  std::vector<Worker> running_;
};

}  // namespace espalier::runner
