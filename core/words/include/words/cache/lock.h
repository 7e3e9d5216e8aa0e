// Locks of files and folders. They end with the process that holds them, whatever way it ends.
#pragma once

#include <filesystem>

#include <espalier/export.h>

namespace espalier {

// Opens a path and locks what it opened; where file systems have no locks, it is open and not locked.
class ESPALIER_WORDS_API PathLock {
 public:
  enum class Kind {
    Shared,           // waits for who has it alone
    Exclusive,        // waits for all others
    ExclusiveIfFree,  // is_busy() where another has it
  };
  PathLock(const std::filesystem::path& path, Kind kind);
  ~PathLock();
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  bool is_busy() const { return busy_; }
  int descriptor() const { return descriptor_; }
  // Whether the path still names what was opened: it may have been moved or replaced before the lock was there.
  bool is_still(const std::filesystem::path& path) const;

 private:
  int descriptor_ = -1;
  bool busy_ = false;
};

}  // namespace espalier
