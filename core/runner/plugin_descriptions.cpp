#include "runner/plugin_descriptions.h"

#include <espalier/error.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <system_error>

#include "child_process.h"
#include "runner/worker_program.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double patience_seconds = 120;  // loading LibTorch from a cold disk takes many seconds

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary_file() {
  File file(std::tmpfile());
  if (!file) throw StoreError("no temporary file can be made; is the disk full, or the folder for them read-only?");
  return file;
}

std::string content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, got);
  return text;
}

std::string indented(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += "\n    " + line;
  return out;
}

std::vector<fs::path> plugin_places(const fs::path& worker, const std::vector<std::string>& paths) {
  std::vector<fs::path> places{worker.parent_path() / ".." / "plugins"};
  if (const char* listed = std::getenv("ESPALIER_PLUGINS"); listed != nullptr) {
    std::istringstream entries(listed);
    for (std::string entry; std::getline(entries, entry, ':');) {
      if (!entry.empty()) places.emplace_back(entry);
    }
  }
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) throw SettingsError("--plugins: '" + path + "' does not exist");
    places.emplace_back(path);
  }
  return places;
}

// What the descriptions depend on. A file's size and time stand for its content: reading every plugin would cost more
// than the whole plan.
std::string digest_of(const fs::path& worker, const std::vector<fs::path>& places) {
  std::ostringstream text;
  text << version() << ' ' << commit() << '\n';
  const auto add = [&text](const fs::path& file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    const auto time = fs::last_write_time(file, error);
    text << fs::absolute(file, error).lexically_normal().string() << '\t' << size << '\t'
         << time.time_since_epoch().count() << '\n';
  };
  add(worker);
  for (const auto& place : places) {
    text << "in " << place.string() << '\n';
    std::error_code error;
    if (!fs::is_directory(place, error)) {
      add(place);
      continue;
    }
    std::vector<fs::path> files;
    for (auto entry = fs::recursive_directory_iterator(place, error);
         !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".so") files.push_back(entry->path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) add(file);
  }
  return sha256_hex(text.str());
}

std::optional<PluginDescriptions> from_json(const std::string& text) {
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  try {
    PluginDescriptions found;
    for (const auto& plugin : document.at("plugins")) found.plugins.push_back(plugin_from_json(plugin));
    for (const auto& refused : document.at("refused")) {
      found.refused.push_back({refused.at("file").get<std::string>(), refused.at("message").get<std::string>()});
    }
    return found;
  } catch (const json::exception&) {
    return std::nullopt;  // another version's words
  }
}

std::string ask_worker(const fs::path& worker, const std::vector<std::string>& paths) {
  const auto out = temporary_file(), error = temporary_file();
  ChildProcess::Start start{worker, {"describe"}, {{"OMP_NUM_THREADS", "1"}}, out.get(), error.get()};
  for (const auto& path : paths) start.arguments.insert(start.arguments.end(), {"--plugins", path});
  ChildProcess child(start);
  std::optional<Ending> ending;
  for (double waited = 0; !(ending = child.ending()); waited += 0.002) {
    if (waited > patience_seconds) {
      child.send(SIGKILL);
      throw PluginError(
          worker.string() + " did not describe its plugins within 2 minutes\n" +
          "    one of them hangs while it is loaded; leave them out one by one (--plugins, $ESPALIER_PLUGINS)");
    }
    ::usleep(2000);
  }
  if (!ending->well()) {
    throw PluginError("the plugins cannot be described: " + worker.string() + " " + ending->text() +
                      indented(content(error.get())) +
                      "\n    leave plugin files out one by one to find the one that does this");
  }
  return content(out.get());
}

}  // namespace

PluginDescriptions describe_plugins(const std::vector<std::string>& paths) {
  const fs::path worker = worker_program();
  const auto places = plugin_places(worker, paths);
  const fs::path kept = cache_folder() / ("plugins-" + digest_of(worker, places) + ".json");
  std::error_code absent;
  if (fs::exists(kept, absent)) {
    try {
      if (auto known = from_json(read_file(kept))) return *known;
    } catch (const Error&) {  // what cannot be read is asked for again
    }
  }
  const std::string answer = ask_worker(worker, paths);
  auto described = from_json(answer);
  if (!described) {
    throw PluginError(worker.string() + ": what it says of its plugins cannot be understood\n" +
                      "    espalier and espalier-worker are of different versions; build and install both together");
  }
  try {
    std::error_code ignored;
    fs::create_directories(kept.parent_path(), ignored);
    write_file(kept, answer);
  } catch (const Error&) {  // the next command asks again; nothing else depends on it
  }
  return *described;
}

}  // namespace espalier::runner
