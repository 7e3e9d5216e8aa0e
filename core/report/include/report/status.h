// How far an experiment is, for a reader and for a program.
#pragma once

#include <string>

#include "store/result_store.h"

namespace espalier::report {

// States, pace, time left and the first line of each failure, as lines.
std::string status_text(const store::Progress& progress);

// The same as one JSON object: cells, done, failed, running, waiting, cells_per_minute, seconds_left (null where it
// cannot be told), failures as a list of key and message.
std::string status_json(const store::Progress& progress);

}  // namespace espalier::report
