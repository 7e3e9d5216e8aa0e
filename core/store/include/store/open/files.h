// The files of a database.
#pragma once

#include <array>
#include <filesystem>

namespace espalier::store {

// The database itself, and what SQLite keeps beside it while it is open.
inline std::array<std::filesystem::path, 3> files_of(const std::filesystem::path& database) {
  const auto name = database.string();
  return {database, name + "-wal", name + "-shm"};
}

}  // namespace espalier::store
