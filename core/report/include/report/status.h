// How far an experiment is, for a reader and for a program.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/result_store.h"

namespace espalier::report {

// What takes up the disk, by kind, in bytes; nothing is said where there is none.
using Sizes = std::vector<std::pair<std::string, std::uint64_t>>;

// States, pace, time left and the first line of each failure, as lines.
std::string status_text(const store::Progress& progress, const Sizes& sizes = {});

// The same as one JSON object: cells, done, failed, running, waiting, cells_per_minute, seconds_left (null where it
// cannot be told), failures as a list of key and message.
// Also not_asked (of those waiting), earlier (beside all of them) and bytes, by kind.
std::string status_json(const store::Progress& progress, const Sizes& sizes = {});

}  // namespace espalier::report
