// Command-line overrides: --set "model.minilm.train.epochs=1" changes the tree of a file before it is read.
#pragma once

#include <string>
#include <vector>

#include "document.h"
#include "words/plugin_description.h"

namespace espalier::grid {

// A value is read as TOML, else taken as a text. A key under `grid` reaches every grid. Only plugins may be named that
// the file does not define: [scorer.fisher] then comes to be, of the plugin of that name.
void apply_set(Value& root, const std::string& assignment, const std::vector<PluginDescription>& plugins,
               Complaints& complaints);

}  // namespace espalier::grid
