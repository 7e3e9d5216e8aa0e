#include "loader/plugin_catalog.h"

#include <espalier/error.h>

#include <algorithm>

#include "abi_tag.h"
#include "guarded.h"
#include "loader/at_work.h"
#include "words/names.h"
#include "words/plugin_files.h"

namespace espalier::loader {
namespace {

namespace fs = std::filesystem;

constexpr const char* own_plugins =
    "\n    a plugin of your own is found by --plugins FILE, or in the folders of $ESPALIER_PLUGINS";

// By what the file says of itself, without opening it; one that does not say so may have any.
bool has_role(const fs::path& file, const std::string& role) {
  try {
    const auto identity = identity_of(file);
    const auto found = identity.find("role");
    return found == identity.end() || found->second == role;
  } catch (const PluginError&) {
    return true;  // it is refused when it is opened
  }
}

// Constructs an instance; whatever the constructor throws becomes an error with the plugin's name.
template <typename Role>
std::unique_ptr<Role> make(const Plugin& plugin, const Settings& settings) {
  const auto& name = plugin.description;
  const std::string failed =
      name.role + " '" + name.name + "' (" + plugin.file.string() + ") could not be constructed: ";
  const auto complete = complete_settings(name, settings);
  const AtWork constructing(name.role + " '" + name.name + "'", "was being constructed");
  std::unique_ptr<Role> made(static_cast<Role*>(guarded(failed, [&] { return plugin.card->create(complete); })));
  if (made == nullptr) throw PluginError(failed + "its card's create gave nothing");
  return made;
}

}  // namespace

PluginCatalog::PluginCatalog(const std::vector<fs::path>& folders_or_files) {
  const auto found = plugin_files(folders_or_files);
  for (const auto& file : found.files) files_.push_back({file});
  for (const auto& strange : found.strange) refusals_.push_back({strange.file, strange.message});
}

void PluginCatalog::open(File& file) const {
  if (file.opened) return;
  file.opened = true;
  try {
    auto plugin = load_plugin(file.path);
    const auto& name = plugin.description;
    const auto same = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& other) {
      return other.description.role == name.role && other.description.name == name.name;
    });
    if (same != plugins_.end()) {
      throw PluginError(file.path.string() + ": " + name.role + " '" + name.name + "' is already provided by " +
                        same->file.string() + "\n    give one of the two another name");
    }
    plugins_.push_back(std::move(plugin));
  } catch (const std::exception& error) {
    refusals_.push_back({file.path, error.what()});
  }
}

const std::deque<Plugin>& PluginCatalog::plugins() const {
  for (auto& file : files_) open(file);
  return plugins_;
}

const std::vector<Refusal>& PluginCatalog::refusals() const {
  plugins();
  return refusals_;
}

const Plugin& PluginCatalog::find(const std::string& role, const std::string& name) const {
  const auto known = [&]() -> const Plugin* {
    for (const auto& plugin : plugins_) {
      if (plugin.description.role == role && plugin.description.name == name) return &plugin;
    }
    return nullptr;
  };
  if (const auto* plugin = known()) return *plugin;
  for (auto& file : files_) {
    if (plugin_name_of(file.path) != name || !has_role(file.path, role)) continue;
    open(file);
    if (const auto* plugin = known()) return *plugin;
  }
  for (const auto& refusal : refusals_) {
    if (plugin_name_of(refusal.file) == name) throw PluginError(refusal.message);
  }
  std::vector<std::string> names;
  std::string other;  // role that knows the name
  for (const auto& file : files_) {
    if (has_role(file.path, role)) names.push_back(plugin_name_of(file.path));
    if (plugin_name_of(file.path) != name || has_role(file.path, role)) continue;
    for (const char* another : {"scorer", "searcher", "recovery"}) {
      if (has_role(file.path, another)) other = another;
    }
  }
  if (!other.empty()) {
    throw SettingsError("unknown " + role + " '" + name + "'\n    it is a " + other + "\n    known: " + join(names));
  }
  throw SettingsError(unknown_name(role, name, names) + own_plugins);
}

std::unique_ptr<Scorer> PluginCatalog::make_scorer(const std::string& name, const Settings& settings) const {
  return make<Scorer>(find("scorer", name), settings);
}

std::unique_ptr<Searcher> PluginCatalog::make_searcher(const std::string& name, const Settings& settings) const {
  return make<Searcher>(find("searcher", name), settings);
}

std::unique_ptr<Recovery> PluginCatalog::make_recovery(const std::string& name, const Settings& settings) const {
  return make<Recovery>(find("recovery", name), settings);
}

std::vector<fs::path> plugin_folders(const std::vector<std::string>& named) {
  std::error_code failed;
  return plugin_places(fs::read_symlink("/proc/self/exe", failed), named);
}

}  // namespace espalier::loader
