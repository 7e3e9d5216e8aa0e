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
  bool interrupted = false;                      // and some are left
  std::filesystem::path home;                    // the shard, as it came home
};

// After SIGTERM, SIGINT or SIGHUP the cells at work are given back, what is done is carried home, and it returns. A task of
// the same share that is started later goes on from all that came home. Throws as run() does, after carrying home.
ShardOutcome compute_shard(const ShardOptions& options);

}  // namespace espalier::runner
