// A database that one program is to write, wherever it lies. On a network file system SQLite cannot write safely: there a
// copy on a local disk is written, and put back whole, while a file beside it keeps others from doing the same.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "runner/share/own_folder.h"

namespace espalier::runner {

class DatabaseAtHand {
 public:
  // `network`: the name of its file system, as store::network_of says; empty: it is written where it lies. Throws
  // StoreError where another program writes it in this way, or a run is at work on it elsewhere.
  DatabaseAtHand(const std::filesystem::path& database, const std::filesystem::path& local, const std::string& network);
  ~DatabaseAtHand();
  DatabaseAtHand(const DatabaseAtHand&) = delete;
  DatabaseAtHand& operator=(const DatabaseAtHand&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // What was written goes to its place. Once nobody has path() open.
  void bring_back();

 private:
  void take_lock();

  std::filesystem::path database_, path_, lock_;
  std::unique_ptr<OwnFolder> folder_;
};

}  // namespace espalier::runner
