// A task under Slurm whose time is over while cells are left: it asks to be started again.
#pragma once

#include <string>

#include "runner/shards/compute.h"

namespace espalier::runner {

// Asks by one call of 'scontrol requeue', unless the task was started so often before, or no cell came to its end this time:
// then the next time would end as this one. What became of it, as a sentence. Afterwards Slurm ends this program.
std::string requeue_in_slurm(const ShardOutcome& outcome, int requeues_at_most);

}  // namespace espalier::runner
