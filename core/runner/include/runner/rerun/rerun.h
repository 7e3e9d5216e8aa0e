// Computes cells of a database once more, apart from it: with caches of its own, so that nothing is read that was to be found
// out. The database is only read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cells/device.h"
#include "runner/share/own_folder.h"
#include "store/cell_record.h"

namespace espalier::runner {

struct RerunOptions {
  std::filesystem::path database;
  int threads = 0;                     // 0: as many as then
  std::optional<DeviceChoice> device;  // nullopt: the one of then
  std::vector<std::string> plugins;    // files or folders that the user names
  bool trains_again = false;           // the base model too, and not only what follows from it
};

struct Rerun {
  store::CellRecord before, now;
  // What both lay in, for contents that no record holds; `now` is there until the next cell is computed.
  std::filesystem::path cache_before, cache_now;
  bool interrupted = false;
};

class Reruns {
 public:
  // Throws StoreError where the database cannot be read, SettingsError where there is no worker.
  explicit Reruns(RerunOptions options);
  ~Reruns();  // removes what was computed
  Reruns(const Reruns&) = delete;
  Reruns& operator=(const Reruns&) = delete;

  // By a beginning of its key. Progress goes to stderr. Throws StoreError for a key that is unknown, and for a cell that has
  // not been computed; PluginError where the worker ends before it has computed it.
  Rerun rerun(const std::string& key);

 private:
  RerunOptions options_;
  std::unique_ptr<OwnFolder> folder_;
};

// The processors' share and the device of a finished attempt; 0 and nullopt where it does not say.
int threads_of(const Attempt& attempt);

}  // namespace espalier::runner
