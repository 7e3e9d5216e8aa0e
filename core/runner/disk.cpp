#include "runner/disk.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "runner/run.h"
#include "store/open/files.h"
#include "store/result_store.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

// Kinds whose entries cells name when they are done; of the others nobody keeps who uses them.
bool is_named_by_cells(const std::string& kind) {
  return kind == "base_models" || kind == "scores" || kind == "masks" || kind == "evaluations";
}

std::vector<fs::path> folders_of(const fs::path& cache) {
  std::vector<fs::path> folders;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(cache, none)) {
    if (entry.is_directory(none) && !entry.is_symlink(none)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// "abc" of abc.safetensors and abc.part.123.
std::string name_of(const fs::path& path) {
  const auto name = path.filename().string();
  return name.substr(0, name.find('.'));
}

std::set<fs::path> databases_near(const fs::path& database, const fs::path& cache) {
  std::set<fs::path> found;
  std::error_code failed;
  if (fs::exists(database, failed)) found.insert(fs::weakly_canonical(database, failed));
  const auto folder = database.has_parent_path() ? database.parent_path() : fs::path(".");
  const auto beside = cache.has_parent_path() ? cache.parent_path() : fs::path(".");
  for (const auto& place : {folder, beside}) {
    for (const auto& entry : fs::directory_iterator(place, failed)) {
      const auto name = entry.path().filename().string();
      if (entry.path().extension() == ".db" && !name.starts_with(".") && entry.is_regular_file(failed))
        found.insert(fs::weakly_canonical(entry.path(), failed));
    }
  }
  return found;
}

struct References {
  std::set<std::string> names;
  bool unfinished = false;  // a cell that may go on from its steps
  bool waiting = false;     // one that may need a base model which no done cell names yet
};

// Of one database; another program's refers to nothing here.
void add_references(const fs::path& file, References& references) {
  try {
    const store::ResultStore store(file, store::Mode::ReadOnly);
    const auto counts = store.counts("");
    if (counts.running > 0) {
      throw StoreError(
          fmt::format("{}: a run is at work on it ({} computed), and nothing is removed meanwhile\n"
                      "    end it, or wait for it",
                      file.string(), counts.running == 1 ? "1 cell is" : fmt::format("{} cells are", counts.running)));
    }
    references.unfinished = references.unfinished || counts.waiting + counts.failed > 0;
    references.waiting = references.waiting || counts.waiting > 0;
    for (const auto& artifact : store.artifacts()) {
      references.names.insert(name_of(artifact.path));
      references.names.insert(artifact.digest);
    }
  } catch (const StoreError& error) {
    const std::string message = error.what();
    if (message.find("is a database of another program") != std::string::npos ||
        message.find("is no SQLite database") != std::string::npos ||
        message.find("nothing was ever recorded") != std::string::npos)
      return;
    throw;
  }
}

}  // namespace

std::vector<DiskUse> disk_use(const fs::path& database, const fs::path& cache) {
  std::vector<DiskUse> uses;
  std::uint64_t bytes = 0;
  for (const auto& file : store::files_of(database)) bytes += bytes_below(file);
  uses.push_back({"database", database, bytes});
  std::error_code absent;
  if (const auto log = log_file(database); fs::exists(log, absent)) uses.push_back({"log", log, bytes_below(log)});
  const auto first = static_cast<std::ptrdiff_t>(uses.size());
  for (const auto& folder : folders_of(cache))
    uses.push_back({folder.filename().string(), folder, bytes_below(folder)});
  std::stable_sort(uses.begin() + first, uses.end(),
                   [](const DiskUse& one, const DiskUse& other) { return one.bytes > other.bytes; });
  return uses;
}

UnusedCache unused_cache(const fs::path& database, const fs::path& cache) {
  UnusedCache unused;
  References references;
  for (const auto& file : databases_near(database, cache)) {
    add_references(file, references);
    unused.databases.push_back(file);
  }
  for (const auto& folder : folders_of(cache)) {
    const auto kind = folder.filename().string();
    if (kind != "steps" && !is_named_by_cells(kind)) unused.unknown.push_back(kind);
  }
  for (auto& entry : CacheFolder(cache).entries()) {
    if (entry.kind != "steps" && !is_named_by_cells(entry.kind)) continue;
    const bool used = entry.kind == "steps" ? references.unfinished
                                            : references.names.count(name_of(entry.path)) == 1 ||
                                                  (entry.kind == "base_models" && references.waiting);
    if (!used) unused.entries.push_back(std::move(entry));
  }
  return unused;
}

fs::path place_now(const Artifact& artifact, const fs::path& cache) {
  const fs::path recorded = artifact.path;
  std::error_code absent;
  if (fs::exists(recorded, absent)) return recorded;
  const auto kind = recorded.parent_path().filename().string();
  const auto now = cache / kind / recorded.filename();
  return is_named_by_cells(kind) && recorded.has_filename() && fs::exists(now, absent) ? now : recorded;
}

}  // namespace espalier::runner
