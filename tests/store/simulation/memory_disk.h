// A disk of a simulation: SQLite's files in memory, with a write that fails when it is told to.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct sqlite3_file;

namespace espalier::store {

// What open files of one name share: bytes, locks and, for a write-ahead log, its index.
struct MemoryFile {
  std::string bytes;
  std::string as_remembered;
  bool is_changed = false;  // since it was remembered
  int shared = 0;           // open files that hold a shared lock or more
  const void* reserved_by = nullptr;
  const void* exclusive_by = nullptr;
  std::vector<std::unique_ptr<char[]>> index;  // regions of shared memory
  std::size_t index_region_bytes = 0;
  int index_shared[8] = {};
  const void* index_exclusive[8] = {};
};

class MemoryDisk {
 public:
  MemoryDisk();  // becomes the disk that SQLite uses where no other is named
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  enum class Fault { Full, Cut };  // Cut: the process that writes is no more
  // After so many further writes every one fails, until writes_succeed().
  void fail_after(std::int64_t writes, Fault fault);
  void writes_succeed() { allowed_.reset(); }
  bool has_failed() const { return failed_; }  // since fail_after()

  // Whether anyone holds a lock of a write-ahead log.
  bool has_open_transaction() const;

  // All files as they are now, with an empty write-ahead log; and back to that. No transaction is open meanwhile.
  void remember();
  void restore();

  // For the functions that SQLite calls.
  std::shared_ptr<MemoryFile> file(const std::string& name, bool may_create);
  bool has(const std::string& name) const { return files_.count(name) == 1; }
  void remove(const std::string& name) { files_.erase(name); }
  int next_write();  // what it comes to, as a code of SQLite

 private:
  std::map<std::string, std::shared_ptr<MemoryFile>> files_;
  std::optional<std::int64_t> allowed_;
  Fault fault_ = Fault::Full;
  bool failed_ = false;
};

}  // namespace espalier::store
