// What lies behind the paths of a cell's settings: digests, so that two states of one file can be told apart later, and
// which cells share work.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cells/sharing/work_groups.h"
#include "grid/cells.h"
#include "tables/split_tables.h"

namespace espalier::runner {

class Sources {
 public:
  explicit Sources(const std::filesystem::path& cache_folder) : digests_(cache_folder), tables_(digests_) {}

  struct Shared {
    const std::string* source;  // as of() says
    WorkGroups groups;
  };

  // JSON: checkpoint, the splits that are given, results_version. Of files that cannot be read, nothing.
  const std::string& of(const grid::Cells& cells, std::size_t cell);
  // Of one of the cells; it stays where it is as long as these sources. `plugins`: what scorers there are.
  const Shared& shared_by(const grid::Cells& cells, std::size_t cell, const std::vector<PluginDescription>& plugins);

 private:
  const PluginDescription* scorer_of(std::string_view settings, const std::vector<PluginDescription>& plugins);

  using Parts = std::array<const char*, 8>;  // the places of the texts that make a cell's groups

  DigestMemory digests_;
  SplitTables tables_;
  std::map<std::array<const char*, 2>, std::string> known_;  // by model and dataset
  std::map<Parts, Shared> shared_;
  std::map<const char*, const PluginDescription*> scorers_;  // by the places of their texts; nullptr: not known
};

}  // namespace espalier::runner
