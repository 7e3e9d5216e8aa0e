// The bundled plugins as the program finds them: in the build's folder.
#pragma once

#include <filesystem>

#include "loader/plugin_catalog.h"
#include "plugins/fake_model.h"
#include "sdk/sites.h"

namespace espalier::test {

inline const loader::PluginCatalog& bundled() {
  static const loader::PluginCatalog catalog({std::filesystem::path(ESPALIER_BINARY_DIR) / "plugins"});
  return catalog;
}

}  // namespace espalier::test
