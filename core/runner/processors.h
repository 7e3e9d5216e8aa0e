// How many processors this program may keep busy.
#pragma once

namespace espalier::runner {

int processor_count();

}  // namespace espalier::runner
