// Where a database must not lie: SQLite's write-ahead log needs memory shared by all its processes, which file systems
// that several machines mount do not give, and databases there become corrupt.
#pragma once

#include <filesystem>
#include <istream>
#include <string>

namespace espalier::store {

// The name of the network file system that holds this folder, or empty when it is a local one.
std::string network_file_system(const std::filesystem::path& folder);

// The same from statfs' f_type. FUSE holds both kinds: there `mounts` (/proc/self/mountinfo) tells them apart.
std::string network_file_system(long type, const std::string& absolute_folder, std::istream& mounts);

}  // namespace espalier::store
