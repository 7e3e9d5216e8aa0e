#include "runner/changed_plugins.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace espalier::runner {

const char* const advice_on_changed_plugins =
    "\n    their results stay as they are: raise the plugin's version to have them beside new ones, or compute those\n"
    "    cells again with: espalier run FILE --rerun-changed";

std::string ChangedPlugin::in_words() const {
  constexpr std::size_t shown = 8;
  return fmt::format("{} '{}' {} has changed since {} done {} computed with it (file {}, now {})", role, name, version,
                     keys.size(), keys.size() == 1 ? "cell was" : "cells were", digest_then.substr(0, shown),
                     digest_now.substr(0, shown));
}

std::vector<ChangedPlugin> changed_plugins(const store::ResultStore& store, const std::vector<std::string>& keys,
                                           const std::vector<PluginDescription>& plugins) {
  std::vector<ChangedPlugin> changed;
  std::unordered_set<std::string> asked;  // filled when the first plugin has changed: most have not
  for (const auto& recorded : store.plugins()) {
    const auto now = std::find_if(plugins.begin(), plugins.end(), [&](const PluginDescription& plugin) {
      return plugin.role == recorded.role && plugin.name == recorded.name && plugin.version == recorded.version;
    });
    if (now == plugins.end() || now->file_digest.empty() || now->file_digest == recorded.file_digest) continue;
    if (asked.empty()) asked.insert(keys.begin(), keys.end());
    ChangedPlugin plugin{recorded.role, recorded.name, recorded.version, recorded.file_digest, now->file_digest, {}};
    for (auto& key : store.done_with(recorded)) {
      if (asked.contains(key)) plugin.keys.push_back(std::move(key));
    }
    if (!plugin.keys.empty()) changed.push_back(std::move(plugin));
  }
  return changed;
}

}  // namespace espalier::runner
