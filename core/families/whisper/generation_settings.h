// Settings of generation_config.json under which generate() does not write greedily.
#pragma once

#include "config_keys.h"

namespace espalier::families {

// Throws InputError that names every setting which would make other transcripts than greedy decoding without timestamps.
void require_greedy(const ConfigKeys& keys);

}  // namespace espalier::families
