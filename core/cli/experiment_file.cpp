#include "experiment_file.h"

#include <espalier/error.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <system_error>

#include "output.h"
#include "runner/plugin_descriptions.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

// Most files have their name as a plain line above the first table; reading only that spares `table` and `status` the
// whole expansion. Any other way of writing it is left to the room that reads TOML.
std::optional<std::string> name_by_a_glance(const std::string& file) {
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == '#') continue;
    if (line[start] == '[') return std::nullopt;
    if (line.find("\"\"\"") != std::string::npos || line.find("'''") != std::string::npos) return std::nullopt;
    if (line.compare(start, 4, "name") != 0) continue;
    const auto equals = line.find_first_not_of(" \t", start + 4);
    if (equals == std::string::npos || line[equals] != '=') continue;
    const auto quote = line.find_first_not_of(" \t", equals + 1);
    if (quote == std::string::npos || line[quote] != '"') return std::nullopt;
    const auto end = line.find('"', quote + 1);
    if (end == std::string::npos) return std::nullopt;
    const auto name = line.substr(quote + 1, end - quote - 1);
    constexpr const char* allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (name.empty() || name.front() == '.' || name.find_first_not_of(allowed) != std::string::npos)
      return std::nullopt;
    return name;
  }
  return std::nullopt;
}

}  // namespace

bool is_experiment_file(const std::string& path) { return path.ends_with(".toml"); }

fs::path database_of(const std::string& experiment_name, const std::string& given) {
  return given.empty() ? fs::path("results") / (experiment_name + ".db") : fs::path(given);
}

grid::Experiment read(const ExperimentArguments& arguments) {
  std::error_code error;
  if (!fs::exists(arguments.file, error)) {
    throw SettingsError(arguments.file + ": there is no such experiment file");
  }
  const auto described = runner::describe_plugins(arguments.plugins);
  for (const auto& refused : described.refused) {
    const bool named = std::any_of(arguments.plugins.begin(), arguments.plugins.end(), [&](const std::string& path) {
      std::error_code different;
      return fs::is_regular_file(path, different) && fs::equivalent(path, refused.file, different);
    });
    if (named) throw PluginError(refused.message);
    say("left out: " + refused.message);
  }
  grid::ReadOptions options;
  options.sets = arguments.sets;
  options.only = join(arguments.only, ",");
  options.plugins = described.plugins;
  options.cache_folder = cache_folder();
  return grid::read_experiment(arguments.file, options);
}

Source source_of(const DatabaseArguments& arguments) {
  const auto& [file, other] = arguments;
  if (!is_experiment_file(file)) return {file, ""};
  std::error_code error;
  if (!fs::exists(file, error)) throw SettingsError(file + ": there is no such experiment file");
  const auto glanced = name_by_a_glance(file);
  const std::string name = glanced ? *glanced : read({file, "", {}, {}, {}}).name;
  const auto database = database_of(name, other);
  if (!fs::exists(database, error)) {
    throw StoreError(database.string() + ": there is no such database yet\n    run: espalier run " + file +
                     (other.empty() ? "" : " --db " + other));
  }
  return {database, name};
}

}  // namespace espalier::cli
