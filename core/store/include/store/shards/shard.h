// Shards: ordinary databases that hold a share of a plan's cells, each written by one task on a disk of its own, and brought
// home into one database. For machines that share no disk, or one that SQLite cannot share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::store {

// One of so many, counted from 1. Written "3/8".
struct Share {
  std::int64_t index = 1, count = 1;
};

// Puts the share's cells of the plan into the shard, which is made where it is absent; what waits and is asked for in the
// plan is dealt, each cell to one share and the same one at any time. Cells of a known base group stay together, and
// those of one score group too; others are dealt in turns. Returns how many cells the share has.
std::int64_t take_share(const std::filesystem::path& plan, const std::filesystem::path& shard, const Share& share);

// Writes all that the database holds now to another place, as one file without a log beside it: aside, synced, renamed.
// Nothing is written where `unless_digest` is the digest of what would be. Returns that digest.
std::string carry_home(const std::filesystem::path& database, const std::filesystem::path& home,
                       const std::string& unless_digest = "");

// A cell that was done in both places, with different results. The one that was there first counts.
struct Disagreement {
  std::string key;
  std::string digest_here, digest_there;  // of the results, without times and places
  std::vector<std::string> differences;   // "pruned, step 0, accuracy: 0.7 here, 0.5 there"
};

struct BroughtHome {
  std::string digest;                 // of the shard's content
  bool known = false;                 // this content came home before: nothing was done
  std::int64_t attempts = 0;          // that were not here before
  std::int64_t done = 0, failed = 0;  // cells that became so
  std::int64_t held = 0;              // attempts left out, because a run is at work on their cells here
  std::vector<Disagreement> disagreements;
};

// A database into which shards are brought. Any number of times, in any order: what is there already stays as it is.
class ShardMerge {
 public:
  explicit ShardMerge(const std::filesystem::path& database);  // made where it is absent
  ~ShardMerge();
  ShardMerge(const ShardMerge&) = delete;
  ShardMerge& operator=(const ShardMerge&) = delete;

  // In one transaction. Throws StoreError, and then nothing of it is here: no shard, another program's database, a newer
  // schema, one that is cut off or damaged.
  BroughtHome add(const std::filesystem::path& shard);

 private:
  std::unique_ptr<ResultStore::State> state_;
};

// What came home so far: where it lay, and when it came.
struct ShardRecord {
  std::string file;
  double merged = 0;  // seconds since 1970
};
std::vector<ShardRecord> shards_brought_home(const std::filesystem::path& database);

// The name of the network file system that a file's folder lies on; empty: a local disk.
std::string network_of(const std::filesystem::path& file);

}  // namespace espalier::store
