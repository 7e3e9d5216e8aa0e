// Why a cell is not done, in sentences and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/cell_record.h"
#include "store/live/live_worker.h"

namespace espalier::report {

// What is known of one cell: of the database, where it is there, and of the experiment file, where one was given.
struct CellQuestion {
  std::string key;   // whole
  std::string file;  // the experiment file; empty: none was given
  std::optional<store::CellRecord> recorded;
  store::CellSituation situation;
  bool is_in_file = false;
  bool is_skipped = false;           // the file excludes it by a skip
  std::vector<std::string> missing;  // paths that the file's cells need
};

std::string explanation_text(const CellQuestion& question);

// key, state (waiting, running, done, failed, or new: not in the database), reasons (sentences), skipped, missing, experiments
// (name, current, asked, paused, ahead, workers), holder (worker, state, held_seconds, lease_seconds) or null, attempts
// (number, outcome, worker, started, ended, message).
std::string explanation_json(const CellQuestion& question);

}  // namespace espalier::report
