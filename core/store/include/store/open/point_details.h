// What is left of each site at each measured state, and the way of each search: text that no view has as a column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace espalier::store {

struct DetailedPoint {
  std::string key;  // of the cell
  std::int64_t step = 0;
  std::string kind;
  bool last = false;  // the cell's result
  std::string mask_digest;
  std::string details;  // JSON, as cells/point.h writes it
};

// Each point of each cell's last attempt that has details, by cell and number. The reference is valid during the call.
// Throws StoreError as ResultStore does.
void each_detailed_point(const std::filesystem::path& database, const std::function<void(const DetailedPoint&)>& call);

}  // namespace espalier::store
