// How far an experiment is, for a reader and for a program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/result_store.h"

namespace espalier::report {

// What takes up the disk, by kind, in bytes; nothing is said where there is none.
using Sizes = std::vector<std::pair<std::string, std::uint64_t>>;

// What is known of a run beside its counts, when it is watched.
struct Live {
  std::vector<store::LiveWorker> workers;
  // Where the time left was estimated by kinds of cells (store/live/live_worker.h): what came of it.
  bool is_by_kind = false;
  std::optional<double> seconds_left;
};

// States, pace, time left and the first line of each failure, as lines.
std::string status_text(const store::Progress& progress, const Sizes& sizes = {}, const Live& live = {});

// The same as one JSON object: cells, done, failed, running, waiting, cells_per_minute, seconds_left (null where it
// cannot be told), failures as a list of key and message.
// Also not_asked (of those waiting), earlier (beside all of them), bytes, by kind, and workers: a list of name, device, threads,
// state (alive, gone, elsewhere), key, seconds_at_cell, stage, memory_bytes, finished; null where it is not known.
std::string status_json(const store::Progress& progress, const Sizes& sizes = {}, const Live& live = {});

}  // namespace espalier::report
