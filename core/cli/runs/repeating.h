// Cells computed again and compared, for the commands that do.
#pragma once

#include <string>
#include <vector>

#include "report/comparing/repetition.h"
#include "runner/rerun/rerun.h"

namespace espalier::cli {

struct Repeated {
  std::vector<report::Repetition> cells;
  bool interrupted = false;
};
// By beginnings of their keys.
Repeated repeat(const std::vector<std::string>& keys, const runner::RerunOptions& options);

}  // namespace espalier::cli
