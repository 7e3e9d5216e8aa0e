// What travels through a computation when the user interrupts it.
#pragma once

namespace espalier {

// Not an error of anything: whoever catches errors lets it pass.
struct Interrupted {};

}  // namespace espalier
