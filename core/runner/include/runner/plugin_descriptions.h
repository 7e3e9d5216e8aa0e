// What plugins there are, without loading one: the worker describes them, and its answer is kept in the cache folder
// until the worker or a plugin file changes.
#pragma once

#include <string>
#include <vector>

#include "words/plugin_description.h"

namespace espalier::runner {

struct RefusedPlugin {
  std::string file;
  std::string message;
};

struct PluginDescriptions {
  std::vector<PluginDescription> plugins;
  std::vector<RefusedPlugin> refused;
};

// Of the build's folder, of $ESPALIER_PLUGINS and of `paths` (files or folders that the user names). Throws
// SettingsError for a path that does not exist, PluginError where the worker cannot describe them.
PluginDescriptions describe_plugins(const std::vector<std::string>& paths);

}  // namespace espalier::runner
