// Results of plugin files that have changed since: a key names a plugin's version and not its file, so results stay when
// the code of a version changes. That is said, and may be asked away.
#pragma once

#include <string>
#include <vector>

#include "store/result_store.h"
#include "words/plugin_description.h"

namespace espalier::runner {

struct ChangedPlugin {
  std::string role, name, version;
  std::string digest_then, digest_now;  // of the files
  std::vector<std::string> keys;        // of the done cells that the former computed

  // "scorer 'hies' 1.0.0 has changed since 4 done cells were computed with it (file 91b8ef15, now c3bfa9c5)"
  std::string in_words() const;
};

// Of these cells, those computed with another file of one of these plugins than there is now, at the same version.
std::vector<ChangedPlugin> changed_plugins(const store::ResultStore& store, const std::vector<std::string>& keys,
                                           const std::vector<PluginDescription>& plugins);

// What can be done about it, on lines that begin with four spaces.
extern const char* const advice_on_changed_plugins;

}  // namespace espalier::runner
