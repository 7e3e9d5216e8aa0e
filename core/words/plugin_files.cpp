#include "words/plugin_files.h"

#include <espalier/error.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "words/printable.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

// What stands at a path that is no plugin file; empty: it is a file.
std::string why_no_file(const fs::path& path) {
  std::error_code failed;
  const auto status = fs::status(path, failed);
  const auto name = printable_line(path.string(), 1000);
  switch (status.type()) {
    case fs::file_type::regular: return {};
    case fs::file_type::directory:
      return name +
             ": is a folder, and is called like a plugin\n    give the folder another name, or name it with "
             "--plugins to use the files in it";
    case fs::file_type::not_found:
      return name + (fs::is_symlink(fs::symlink_status(path, failed)) ? ": is a link to a file that is not there"
                                                                      : ": no such plugin file");
    default: return name + ": is no ordinary file, and cannot be a plugin";
  }
}

}  // namespace

std::vector<fs::path> plugin_places(const fs::path& worker, const std::vector<std::string>& named) {
  std::vector<fs::path> places;
  std::error_code failed;
  const auto above = worker.parent_path().parent_path();
  for (const auto& folder : {above / "plugins", above / "lib" / "espalier" / "plugins"}) {
    if (fs::is_directory(folder, failed)) places.push_back(folder);
  }
  const char* given = std::getenv("ESPALIER_PLUGINS");
  const std::string paths = given == nullptr ? "" : given;
  for (std::size_t begin = 0; begin < paths.size();) {
    const auto end = std::min(paths.find(':', begin), paths.size());
    if (end > begin) places.emplace_back(paths.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const auto& path : named) {
    if (fs::symlink_status(path, failed).type() == fs::file_type::not_found)
      throw SettingsError("--plugins: '" + path + "' does not exist");
    places.emplace_back(path);
  }
  return places;
}

PluginFiles plugin_files(const std::vector<fs::path>& places) {
  PluginFiles found;
  std::set<fs::path> seen;
  const auto add = [&](const fs::path& path) {
    std::error_code failed;
    if (!seen.insert(fs::weakly_canonical(path, failed)).second) return;
    auto message = why_no_file(path);
    if (message.empty()) {
      found.files.push_back(path);
    } else {
      found.strange.push_back({path, std::move(message)});
    }
  };
  for (const auto& place : places) {
    std::error_code failed;
    if (!fs::is_directory(place, failed)) {
      add(place);
      continue;
    }
    std::vector<fs::path> inside;
    for (auto entry = fs::directory_iterator(place, failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed)) {
      if (entry->path().extension() == ".so") inside.push_back(entry->path());
    }
    if (failed) found.strange.push_back({place, place.string() + ": cannot be read: " + failed.message()});
    std::sort(inside.begin(), inside.end());
    for (const auto& path : inside) add(path);
  }
  return found;
}

std::string plugin_name_of(const fs::path& file) {
  auto name = file.stem().string();
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace espalier
