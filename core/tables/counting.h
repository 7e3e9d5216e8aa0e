// What table_counts() tells.
#pragma once

#include <atomic>
#include <cstdint>

namespace espalier::tables {

inline std::atomic<std::int64_t> files_opened{0}, tables_digested{0};

}  // namespace espalier::tables
