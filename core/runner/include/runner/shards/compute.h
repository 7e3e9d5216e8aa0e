// One task of many: takes its share of a plan, computes it into a database on a local disk, and carries that home now and
// then and at its end. Whoever starts tasks (Slurm, HyperQueue, GNU parallel, ssh) needs to know nothing more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cells/device.h"
#include "store/shards/shard.h"

namespace espalier::runner {

struct ShardOptions {
  std::filesystem::path plan;
  store::Share share;
  std::filesystem::path home;   // where shards are carried to
  std::filesystem::path local;  // a local disk
  std::vector<DeviceChoice> devices = {{}};
  int workers = 0;  // 0: one a device
  int threads = 0;  // of each worker; 0: its part of the processors
  std::vector<std::string> plugins;
  double carry_every_seconds = 60;
};

struct ShardOutcome {
  std::int64_t cells = 0, done = 0, failed = 0;  // of the share
  std::int64_t ended_now = 0;                    // done and failed by this task, not by one before
  bool interrupted = false;                      // and some are left
  bool time_is_over = false;                     // that is why
  std::filesystem::path home;                    // the shard, as it came home
};

// After SIGTERM, SIGINT, SIGHUP or SIGUSR1 (the task's time is nearly over) the cells at work are given back, what is done is carried home, and it returns. A task of
// the same share that is started later goes on from all that came home. Throws as run() does, after carrying home.
ShardOutcome compute_shard(const ShardOptions& options);

}  // namespace espalier::runner
