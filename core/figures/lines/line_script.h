// Lines as a script for gnuplot.
#pragma once

#include <string>

#include "figures/figure.h"

namespace espalier::figures {

std::string script_of(const LinePlot& plot, const Paper& paper);

}  // namespace espalier::figures
