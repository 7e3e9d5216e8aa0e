// How searches went: what they had found, over masks evaluated or over time.
#pragma once

#include "figures/figure.h"

namespace espalier::figures {

Figure trajectory(const FigureSource& source, const FigureRequest& request);

}  // namespace espalier::figures
