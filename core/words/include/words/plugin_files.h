// Which plugin files there are and what they are called, without opening any of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// Beside the folder of espalier-worker (build/plugins, lib/espalier/plugins), then $ESPALIER_PLUGINS (':' between), then
// what the user names with --plugins. Throws SettingsError for a named path where nothing is.
ESPALIER_WORDS_API std::vector<std::filesystem::path> plugin_places(const std::filesystem::path& worker,
                                                                    const std::vector<std::string>& named = {});

struct PluginFiles {
  struct Strange {
    std::filesystem::path file;
    std::string message;
  };
  std::vector<std::filesystem::path> files;  // each once, in the order of the places and then of their names
  std::vector<Strange> strange;              // what is called like a plugin, or was named, and is no file
};
// Files as they are; of folders what ends in .so.
ESPALIER_WORDS_API PluginFiles plugin_files(const std::vector<std::filesystem::path>& places);

// What the plugin in a file is called: the file's name without .so, '_' as '-'.
ESPALIER_WORDS_API std::string plugin_name_of(const std::filesystem::path& file);

}  // namespace espalier
