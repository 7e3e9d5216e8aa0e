// Which heads masks keep, site by site.
#pragma once

#include "figures/figure.h"

namespace espalier::figures {

Figure head_map(const FigureSource& source, const FigureRequest& request);

// Names of sites without what they all begin and end with: bert.encoder.layer.3.attention.self as 3.
std::vector<std::string> short_sites(const std::vector<std::string>& sites);

}  // namespace espalier::figures
