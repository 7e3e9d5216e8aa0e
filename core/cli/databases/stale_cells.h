// Cells that no experiment file holds any more.
#pragma once

#include "experiment_file.h"
#include "store/result_store.h"

namespace espalier::cli {

// Of a database: those of earlier states of its files, by what they held when they last ran; of an experiment file: those
// that it does not hold now. Throws SettingsError where that cannot be told, since data are missing.
class StaleCells {
 public:
  StaleCells(const Source& source, const std::string& file);

  store::Rows in(const store::ResultStore& store) const;
  std::int64_t remove_from(store::ResultStore& store) const;

 private:
  std::string experiment_;
  std::optional<std::vector<std::string>> present_;
};

// "2 cells of earlier states of the experiment file: 1 done, 1 failed"; empty where there is none.
std::string counted_by_state(const store::Rows& stale);

}  // namespace espalier::cli
