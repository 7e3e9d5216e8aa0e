// What lies behind the paths of a cell's settings: digests, so that two states of one file can be told apart later.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tables/split_tables.h"

namespace espalier::runner {

class Sources {
 public:
  explicit Sources(const std::filesystem::path& cache_folder) : digests_(cache_folder), tables_(digests_) {}

  // JSON: checkpoint, the splits that are given, results_version. Of files that cannot be read, nothing.
  const std::string& of(const std::string& settings);

 private:
  DigestMemory digests_;
  SplitTables tables_;
  std::map<std::string, std::string> known_;  // by model and dataset
};

}  // namespace espalier::runner
