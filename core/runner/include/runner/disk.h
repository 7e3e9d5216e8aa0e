// Where the disk went: the files of an experiment and the folders of the cache, and which of its entries nobody refers to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cells/attempt.h"

#include "words/cache/folder.h"

namespace espalier::runner {

struct DiskUse {
  std::string what;  // database, log, or a folder of the cache
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

// Largest first, the database before them.
std::vector<DiskUse> disk_use(const std::filesystem::path& database, const std::filesystem::path& cache);

struct UnusedCache {
  std::vector<CacheEntry> entries;               // that no cell of any of the databases refers to
  std::vector<std::filesystem::path> databases;  // that were asked
  std::vector<std::string> unknown;              // kinds of which nobody keeps who uses them
};

// Of the databases beside this one and beside the cache folder. Throws StoreError where a database among them cannot be
// read or a run is at work on one.
UnusedCache unused_cache(const std::filesystem::path& database, const std::filesystem::path& cache);

// Where what an attempt left in the cache lies now: a database may have moved to another machine since, and the cache too.
// Entries keep their names in any cache; where nothing is there by that name, the place that was recorded.
std::filesystem::path place_now(const Artifact& artifact, const std::filesystem::path& cache);

}  // namespace espalier::runner
