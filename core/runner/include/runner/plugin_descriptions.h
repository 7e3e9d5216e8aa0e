// What plugins there are, without loading one: the worker describes each file in a process of its own, and its answers are
// kept in the user's cache folder until the worker or the file changes.
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

// Of the build's folder, of $ESPALIER_PLUGINS and of `paths` (files or folders that the user names). A file that cannot be
// used is refused, and the others are as they are. Throws SettingsError for a path that does not exist, PluginError where
// the worker itself cannot run.
PluginDescriptions describe_plugins(const std::vector<std::string>& paths);

}  // namespace espalier::runner
