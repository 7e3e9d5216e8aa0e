// The levels of an axis by their mean ranks, as report compares them.
#pragma once

#include "figures/figure.h"

namespace espalier::figures {

Figure rank_plot(const FigureSource& source, const FigureRequest& request);

}  // namespace espalier::figures
