#include "loader/plugin_catalog.h"

#include <espalier/error.h>

#include <algorithm>
#include <cstdlib>

#include "guarded.h"
#include "words/names.h"

namespace espalier::loader {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& folder_or_file) {
  std::error_code failed;
  if (!fs::is_directory(folder_or_file, failed)) return {folder_or_file};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_or_file, failed)) {
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Constructs an instance; whatever the constructor throws becomes an error with the plugin's name.
template <typename Role>
std::unique_ptr<Role> make(const Plugin& plugin, const Settings& settings) {
  const auto& name = plugin.description;
  const std::string failed =
      name.role + " '" + name.name + "' (" + plugin.file.string() + ") could not be constructed: ";
  const auto complete = complete_settings(name, settings);
  std::unique_ptr<Role> made(static_cast<Role*>(guarded(failed, [&] { return plugin.card->create(complete); })));
  if (made == nullptr) throw PluginError(failed + "its card's create gave nothing");
  return made;
}

}  // namespace

PluginCatalog::PluginCatalog(const std::vector<fs::path>& folders_or_files) {
  std::vector<fs::path> seen;
  for (const auto& given : folders_or_files) {
    for (const auto& file : files_of(given)) {
      std::error_code ignored;
      const auto real = fs::weakly_canonical(file, ignored);
      if (std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
      seen.push_back(real);
      try {
        auto plugin = load_plugin(file);
        const auto& name = plugin.description;
        const auto same = std::find_if(plugins_.begin(), plugins_.end(), [&](const Plugin& other) {
          return other.description.role == name.role && other.description.name == name.name;
        });
        if (same != plugins_.end()) {
          throw PluginError(file.string() + ": " + name.role + " '" + name.name + "' is already provided by " +
                            same->file.string() + "\n    give one of the two another name");
        }
        plugins_.push_back(std::move(plugin));
      } catch (const std::exception& error) {
        refusals_.push_back({file, error.what()});
      }
    }
  }
}

const Plugin& PluginCatalog::find(const std::string& role, const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& plugin : plugins_) {
    if (plugin.description.role != role) continue;
    if (plugin.description.name == name) return plugin;
    known.push_back(plugin.description.name);
  }
  for (const auto& refusal : refusals_) {
    auto stem = refusal.file.stem().string();
    std::replace(stem.begin(), stem.end(), '_', '-');
    if (stem == name) throw PluginError(refusal.message);
  }
  throw SettingsError(unknown_name(role, name, known));
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

std::vector<fs::path> plugin_folders() {
  std::vector<fs::path> folders;
  std::error_code failed;
  const auto program = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const auto& folder :
       {program.parent_path() / "plugins", program.parent_path() / "lib" / "espalier" / "plugins"}) {
    if (fs::is_directory(folder, failed)) folders.push_back(folder);
  }
  const char* given = std::getenv("ESPALIER_PLUGINS");
  const std::string paths = given == nullptr ? "" : given;
  for (std::size_t begin = 0; begin < paths.size();) {
    const auto end = std::min(paths.find(':', begin), paths.size());
    if (end > begin) folders.emplace_back(paths.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

}  // namespace espalier::loader
