#include "runner/plugin_descriptions.h"

#include <espalier/error.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <system_error>

#include "child_process.h"
#include "runner/worker_program.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/plugin_files.h"
#include "words/version.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Loading LibTorch from a cold disk takes many seconds; after that each file has its own limit, in the worker.
constexpr double description_patience_seconds = 120, patience_a_file_seconds = 20;

std::string indented(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += "\n    " + line;
  return out;
}

// Of a description: of the program that described it, by what stands for its content (reading it would cost more than the
// whole plan), and of the file's content and name.
std::string description_name(const fs::path& worker, const std::string& file_digest, const fs::path& file) {
  std::ostringstream text;
  text << version() << ' ' << commit() << ' ' << file_identity(worker) << ' ' << file_digest << ' '
       << plugin_name_of(file);
  return sha256_hex(text.str()) + ".json";
}

std::optional<PluginDescription> description_from(const json& document) {
  try {
    return plugin_from_json(document);
  } catch (const json::exception&) {
    return std::nullopt;  // another version's words
  }
}

std::string run_describe(const fs::path& worker, const std::vector<fs::path>& files) {
  ChildProcess::Start start{worker, {"describe"}, {{"OMP_NUM_THREADS", "1"}}};
  for (const auto& file : files) start.arguments.insert(start.arguments.end(), {"--file", file.string()});
  const double patience = description_patience_seconds + patience_a_file_seconds * static_cast<double>(files.size());
  const auto printed = run_to_end(start, patience);
  if (!printed) {
    throw PluginError(worker.string() + " did not describe its plugins within " +
                      std::to_string(static_cast<int>(patience)) + " s\n    try again when the machine is less busy");
  }
  if (!printed->ending.well()) {
    throw PluginError("the plugins cannot be described: " + worker.string() + " " + printed->ending.text() +
                      indented(printed->error));
  }
  return printed->out;
}

struct Answer {
  std::optional<PluginDescription> plugin;
  std::string refused;
};

std::map<std::string, Answer> ask_worker(const fs::path& worker, const std::vector<fs::path>& files) {
  const auto document = json::parse(run_describe(worker, files), nullptr, false);
  std::map<std::string, Answer> answers;
  try {
    for (const auto& entry : document.at("files")) {
      auto& answer = answers[entry.at("file").get<std::string>()];
      if (entry.contains("plugin")) {
        answer.plugin = plugin_from_json(entry.at("plugin"));
      } else {
        answer.refused = entry.at("refused");
      }
    }
  } catch (const json::exception&) {
    throw PluginError(worker.string() + ": what it says of its plugins cannot be understood\n" +
                      "    espalier and espalier-worker are of different versions; build and install both together");
  }
  return answers;
}

// The description of a file that was described before.
std::optional<PluginDescription> known(const fs::path& kept) {
  std::error_code absent;
  if (!fs::exists(kept, absent)) return std::nullopt;
  try {
    const auto document = json::parse(read_file(kept), nullptr, false);
    return document.is_object() ? description_from(document) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // what cannot be read is asked for again
  }
}

void keep(const fs::path& kept, const PluginDescription& plugin) {
  try {
    std::error_code ignored;
    fs::create_directories(kept.parent_path(), ignored);
    write_file(kept, to_json(plugin).dump(2) + "\n");
  } catch (const Error&) {  // the next command asks again; nothing else depends on it
  }
}

// Of several files with one role and name the first counts.
void add(PluginDescriptions& found, PluginDescription plugin) {
  for (const auto& other : found.plugins) {
    if (other.role != plugin.role || other.name != plugin.name) continue;
    found.refused.push_back({plugin.file, plugin.file + ": " + plugin.role + " '" + plugin.name +
                                              "' is already provided by " + other.file +
                                              "\n    give one of the two another name"});
    return;
  }
  found.plugins.push_back(std::move(plugin));
}

}  // namespace

PluginDescriptions describe_plugins(const std::vector<std::string>& paths) {
  const fs::path worker = worker_program();
  const auto listed = plugin_files(plugin_places(worker, paths));
  const auto folder = user_cache_folder() / "plugins";
  DigestMemory digests(user_cache_folder());
  PluginDescriptions found;
  std::vector<fs::path> kept, unknown;
  std::vector<std::optional<PluginDescription>> described;
  std::map<std::string, std::string> unreadable;
  for (const auto& file : listed.files) {
    std::string digest;
    try {
      digest = digests.of_file(file);
    } catch (const Error& error) {
      unreadable[file.string()] = error.what();
    }
    kept.push_back(folder / description_name(worker, digest, file));
    described.push_back(digest.empty() ? std::nullopt : known(kept.back()));
    if (!described.back() && !digest.empty()) unknown.push_back(file);
  }
  auto answers = unknown.empty() ? std::map<std::string, Answer>() : ask_worker(ready_worker(), unknown);
  for (std::size_t i = 0; i < listed.files.size(); ++i) {
    const auto file = listed.files[i].string();
    auto plugin = described[i];
    if (const auto why = unreadable.find(file); why != unreadable.end()) {
      found.refused.push_back({file, why->second});
    } else if (!plugin) {
      auto& answer = answers[file];
      if (answer.plugin) keep(kept[i], *answer.plugin);
      // A refusal is not kept: it may be of something else than the file, and the next command looks again.
      if (!answer.plugin)
        found.refused.push_back({file, answer.refused.empty() ? file + ": was not described" : answer.refused});
      plugin = answer.plugin;
    }
    if (!plugin) continue;
    plugin->file = file;
    add(found, std::move(*plugin));
  }
  for (const auto& strange : listed.strange) found.refused.push_back({strange.file.string(), strange.message});
  return found;
}

}  // namespace espalier::runner
