// What a run and a submission begin with: what cannot run is refused, the rest becomes cells for a database.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "grid/experiment.h"
#include "sources.h"
#include "store/result_store.h"

namespace espalier::runner {

// What is known before anything is computed is refused before anything is computed. Throws SettingsError where files are
// missing, all of them named, and InputError for what checkpoints and data say.
void refuse_what_cannot_run(const grid::Experiment& experiment, const std::string& file);

// All cells of the file with what lies behind their paths; of a slice the rest too, as not asked for. What has no key yet,
// because a file is missing, is none of a run's business. Each is put together when it is asked for, as a million of them
// would fill the memory; what lies behind their paths is read at once.
class PlannedCells {
 public:
  explicit PlannedCells(const grid::Experiment& experiment);

  const grid::Cells& all() const { return all_; }
  bool is_asked(std::size_t cell) const { return asked_[cell]; }
  void leave_out(std::size_t cell) { asked_[cell] = false; }

  // From the first to the last, then nullptr. It lives until the following one is asked for.
  const store::NewCell* next();

 private:
  const grid::Cells& all_;
  Sources sources_;
  std::vector<const Sources::Shared*> shared_;  // nullptr: the cell has no key
  std::vector<bool> asked_;
  std::size_t next_ = 0;
  store::NewCell cell_;
};

// The same as a list.
std::vector<store::NewCell> planned_cells(const grid::Experiment& experiment);

}  // namespace espalier::runner
