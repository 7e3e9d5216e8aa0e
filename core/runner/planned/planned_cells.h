// What a run and a submission begin with: what cannot run is refused, the rest becomes cells for a database.
#pragma once

#include <string>
#include <vector>

#include "grid/experiment.h"
#include "store/result_store.h"

namespace espalier::runner {

// What is known before anything is computed is refused before anything is computed. Throws SettingsError where files are
// missing, all of them named, and InputError for what checkpoints and data say.
void refuse_what_cannot_run(const grid::Experiment& experiment, const std::string& file);

// All cells of the file with what lies behind their paths; of a slice the rest too, as not asked for. What has no key yet,
// because a file is missing, is none of a run's business.
std::vector<store::NewCell> planned_cells(const grid::Experiment& experiment);

}  // namespace espalier::runner
