// The table of workers, as other parts of this room use it.
#pragma once

#include "connection.h"

namespace espalier::store {

// Takes those of this host away whose process is no more. Within a transaction of the caller's.
void forget_dead_workers(ResultStore::State& state);

}  // namespace espalier::store
