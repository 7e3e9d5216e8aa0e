#include "experiment_file.h"

#include <espalier/error.h>

#include <optional>
#include <sstream>
#include <system_error>

#include "output.h"
#include "runner/plugin_descriptions.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/names.h"
#include "words/plugin_files.h"
#include "words/texts/shell_word.h"

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

// A plugin that is asked for and whose file was left out is the file's fault, and not a name that nobody knows.
grid::Experiment read_with(const std::string& file, const grid::ReadOptions& options,
                           const std::vector<runner::RefusedPlugin>& refused) {
  try {
    return grid::read_experiment(file, options);
  } catch (const SettingsError& error) {
    const std::string message = error.what();
    bool names_plugin = false;
    for (const std::string role : {"scorer", "searcher", "recovery"}) {
      names_plugin = names_plugin || message.find("unknown " + role + " '") != std::string::npos;
      for (const auto& plugin : refused) {
        const auto unknown = "unknown " + role + " '" + plugin_name_of(plugin.file) + "'";
        if (message.find(unknown) != std::string::npos)
          throw PluginError(message + "\nthe file of this name was left out\n    " + plugin.message);
      }
    }
    if (!names_plugin) throw;
    throw SettingsError(
        message + "\n    a plugin of your own is found by --plugins FILE, or in the folders of $ESPALIER_PLUGINS");
  }
}

// What the file held when it last ran, if it has not changed since.
std::optional<std::vector<store::NewCell>> recorded_cells(const Source& source, const std::string& file) {
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto digest = sha256_of_file(file);
  for (const auto& experiment : store.experiments()) {
    if (experiment.name == source.experiment && experiment.file_digest == digest)
      return store.current_cells(experiment.name);
  }
  return std::nullopt;
}

}  // namespace

bool is_experiment_file(const std::string& path) { return path.ends_with(".toml"); }

fs::path database_of(const std::string& experiment_name, const std::string& given) {
  return given.empty() ? fs::path("results") / (experiment_name + ".db") : fs::path(given);
}

DatabasePlace place_of_database(const std::string& file, const std::string& experiment_name, const std::string& given) {
  std::error_code error;
  DatabasePlace place{database_of(experiment_name, given), false, std::nullopt};
  place.exists = fs::exists(place.path, error);
  if (place.exists || !given.empty()) return place;
  const auto folder = fs::path(file).parent_path();
  const auto name = experiment_name + ".db";
  for (const auto& candidate : {folder / "results" / name, folder / ".." / "results" / name, folder / name,
                                folder / ".." / ".." / "results" / name}) {
    if (!fs::is_regular_file(candidate, error)) continue;
    place.elsewhere = candidate.lexically_normal();
    break;
  }
  return place;
}

std::string working_folder() {
  std::error_code error;
  const auto folder = fs::current_path(error);
  return error ? "the working directory" : folder.string();
}

grid::Experiment read(const ExperimentArguments& arguments) {
  std::error_code error;
  if (!fs::exists(arguments.file, error)) {
    throw SettingsError(arguments.file + ": there is no such experiment file");
  }
  const auto described = runner::describe_plugins(arguments.plugins);
  for (const auto& refused : described.refused) say("left out: " + refused.message);
  grid::ReadOptions options;
  options.sets = arguments.sets;
  options.only = join(arguments.only, ",");
  options.plugins = described.plugins;
  // Reading a file writes nothing into the working folder: digests are kept beside results once there are any.
  options.cache_folder = fs::is_directory(cache_folder(), error) ? cache_folder() : user_cache_folder();
  auto experiment = read_with(arguments.file, options, described.refused);
  experiment.plugins = described.plugins;
  return experiment;
}

Source source_of(const DatabaseArguments& arguments) {
  const auto& file = arguments.file;
  const auto& other = arguments.other;
  if (!is_experiment_file(file)) {
    if (!arguments.sets.empty())
      throw SettingsError("--set changes an experiment file, and " + file +
                          " is a database\n    give the file instead");
    return {file, "", {}};
  }
  std::error_code error;
  if (!fs::exists(file, error)) throw SettingsError(file + ": there is no such experiment file");
  const auto glanced = name_by_a_glance(file);
  const std::string name = glanced ? *glanced : read({file, "", arguments.sets, {}, arguments.plugins}).name;
  const auto place = place_of_database(file, name, other);
  if (!place.exists) {
    std::string message = place.path.string() + ": there is no such database yet";
    if (place.path.is_relative()) message += "\n    looked for in " + working_folder();
    if (place.elsewhere)
      message +=
          "\n    there is one at " + place.elsewhere->string() + ": add --db " + shell_path(place.elsewhere->string());
    throw StoreError(message + "\n    run: espalier run " + shell_path(file) +
                     (other.empty() ? "" : " --db " + shell_path(other)));
  }
  return {place.path, name, {}};
}

std::vector<store::NewCell> cells_of(const grid::Cells& cells) {
  std::vector<store::NewCell> list;
  list.reserve(cells.size());
  for (const auto& cell : cells) list.push_back({cell.key, cell.settings});
  return list;
}

Source source_with_cells(const DatabaseArguments& arguments) {
  auto source = source_of(arguments);
  if (!is_experiment_file(arguments.file)) return source;
  std::string reason;
  try {
    const auto experiment = read({arguments.file, "", arguments.sets, {}, arguments.plugins});
    source.experiment = experiment.name;
    source.cells = cells_of(experiment.cells);
    if (experiment.missing.empty()) return source;
    reason = experiment.missing.front() + " is missing";
  } catch (const Error& error) {
    reason = error.what();
    if (!arguments.sets.empty()) throw;
    const auto recorded = recorded_cells(source, arguments.file);
    if (!recorded) throw;
    source.cells = recorded;
  }
  if (const auto recorded = recorded_cells(source, arguments.file); recorded && arguments.sets.empty()) {
    source.cells = recorded;
    say("the cells are those of the last run of " + arguments.file + ": what they are now cannot be told, since " +
        reason.substr(0, reason.find('\n')));
  }
  return source;
}

}  // namespace espalier::cli
