// A shard as bytes, read once: it may lie where SQLite cannot lock, and be replaced at any moment.
#pragma once

#include <filesystem>
#include <string>

#include "connection.h"

namespace espalier::store {

struct ShardContent {
  std::string bytes;   // a database without a log, of today's schema once it is checked
  std::string digest;  // of what lay there
};

// Throws StoreError with the file's name and what is wrong with it: `read_shard` where it cannot be read, `check` where it
// is no whole, sound shard of a schema that is known; an older one is brought up to date.
ShardContent read_shard(const std::filesystem::path& file);
void check(ShardContent& content, const std::filesystem::path& file);

// The whole database as bytes that need no log beside them.
std::string bytes_of(SQLite::Database& database);

// A database in memory, beside the connection's own under the name "theirs"; taken away at the end.
class Attached {
 public:
  Attached(ResultStore::State& state, const std::string& bytes);
  ~Attached();
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  ResultStore::State& state_;
};

}  // namespace espalier::store
