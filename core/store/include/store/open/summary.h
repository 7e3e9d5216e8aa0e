// What a database holds as a whole, for whoever passes it on: its experiments with what they took, where they were computed,
// and whether the file is sound.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace espalier::store {

struct ExperimentSummary {
  std::string name, question, file, file_digest;
  std::int64_t cells = 0, done = 0, failed = 0, attempts = 0;
  double seconds = 0;          // of all attempts together
  std::string started, ended;  // of the first and of the last attempt, as in 2026-01-31T12:00:00Z; empty: none
};

// Attempts that were made under the same circumstances: all that an environment says but command line and host.
struct EnvironmentSummary {
  nlohmann::json environment;
  std::int64_t attempts = 0;
};

// A mask that a cell's last attempt left in the cache, and the sites of its model in their order.
struct RecordedMask {
  std::string key, digest, path;
  std::vector<std::string> sites;  // empty: not recorded
};

struct DatabaseSummary {
  std::vector<ExperimentSummary> experiments;
  std::vector<EnvironmentSummary> environments;
  std::vector<RecordedMask> masks;  // by key
  std::string ended;                // of the last attempt of all; empty: none
  std::int64_t schema_version = 0;
};

// Throws StoreError as ResultStore does.
DatabaseSummary summary_of(const std::filesystem::path& database);

// What SQLite finds broken in a file: pages, indexes, rows that refer to nothing. Empty: it is sound.
std::vector<std::string> damage_of(const std::filesystem::path& database);

}  // namespace espalier::store
