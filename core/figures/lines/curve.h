// Lines from a table: a value over what is left of the model, or over what was asked for.
#pragma once

#include "figures/figure.h"

namespace espalier::figures {

Figure curve(const FigureSource& source, const FigureRequest& request);

}  // namespace espalier::figures
