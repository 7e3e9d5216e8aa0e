#include "words/cache/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "seal.h"
#include "words/cache/entry.h"
#include "words/cache/lock.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr const char* gone_mark = ".gone.";  // begins the names of what is on its way out
// A file that is being written changes more often than that, and a folder is filled in less.
constexpr double abandoned_seconds = 3600;
constexpr double nanoseconds_a_second = 1e9;

std::int64_t now_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t changed(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return 0;
  return std::int64_t{1'000'000'000} * found.st_mtim.tv_sec + found.st_mtim.tv_nsec;
}

std::int64_t last_used(const fs::path& entry) {
  std::error_code failed;
  const auto noted = changed(Seal::place(entry, fs::is_directory(entry, failed)));
  return noted != 0 ? noted : changed(entry);
}

double seconds_since(std::int64_t nanoseconds) {
  // Clocks of other machines may be ahead.
  return std::abs(static_cast<double>(now_nanoseconds() - nanoseconds)) / nanoseconds_a_second;
}

bool is_left_behind(const std::string& name) {
  return name.find(".part") != std::string::npos || name.ends_with(".old");
}

// The entries of one kind. Seals belong to their entries; one that has lost its own was left behind.
void add_entries(const fs::path& folder, const std::string& kind, std::vector<CacheEntry>& entries) {
  std::error_code failed;
  for (const auto& found : fs::directory_iterator(folder, failed)) {
    const auto name = found.path().filename().string();
    if (name.ends_with(".lock") || name.starts_with(".")) continue;
    CacheEntry entry{kind, found.path(), 0, 0, is_left_behind(name)};
    if (name.ends_with(".sha256")) {
      if (fs::exists(folder / name.substr(0, name.size() - 7), failed)) continue;
      entry.left_behind = true;
    }
    const bool is_folder = found.is_directory(failed);
    entry.bytes = bytes_below(entry.path) + (is_folder ? 0 : bytes_below(Seal::place(entry.path, false)));
    entry.last_used_nanoseconds = entry.left_behind ? changed(entry.path) : last_used(entry.path);
    entries.push_back(std::move(entry));
  }
}

// Each line of a journal is an answer of its own.
std::string damage_of_journal(const fs::path& path) {
  std::ifstream lines(path);
  std::size_t count = 0, wrong = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto answer = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object() || !answer.contains("mask") || !answer.contains("quality")) ++wrong;
  }
  if (wrong == 0) return "";
  return fmt::format("{} of {} lines {} not as {} written", wrong, count, wrong == 1 ? "is" : "are",
                     wrong == 1 ? "it was" : "they were");
}

bool goes_by_itself(const std::string& kind) {
  return std::any_of(std::begin(cache_kinds), std::end(cache_kinds),
                     [&](const CacheKind& known) { return kind == known.name && known.goes_by_itself; });
}

}  // namespace

std::uint64_t bytes_below(const fs::path& path) {
  std::error_code gone;
  if (fs::is_symlink(path, gone)) return 0;
  if (!fs::is_directory(path, gone)) {
    const auto bytes = fs::file_size(path, gone);
    return gone ? 0 : bytes;
  }
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path, gone)) bytes += bytes_below(entry.path());
  return bytes;
}

CacheFolder::CacheFolder(fs::path root) : root_(std::move(root)) {}

std::vector<CacheEntry> CacheFolder::entries() const {
  std::vector<CacheEntry> entries;
  for (const auto& kind : cache_kinds) add_entries(root_ / kind.name, kind.name, entries);
  std::sort(entries.begin(), entries.end(),
            [](const CacheEntry& one, const CacheEntry& other) { return one.path < other.path; });
  return entries;
}

std::string CacheFolder::damage_of(const CacheEntry& entry) {
  if (entry.left_behind) return "";
  return entry.kind == "evaluations" ? damage_of_journal(entry.path) : CachedEntry(entry.path).damage();
}

void CacheFolder::set_aside(const fs::path& path, std::vector<fs::path>& moved) {
  static std::atomic<unsigned> counter{0};
  std::error_code failed;
  const auto place =
      path.parent_path() / fmt::format("{}{}.{}.{}", gone_mark, ::getpid(), ++counter, path.filename().string());
  fs::rename(path, place, failed);
  if (!failed) moved.push_back(place);
}

void CacheFolder::empty_trash() const {
  std::error_code ignored;
  for (const auto& kind : cache_kinds) {
    for (const auto& entry : fs::directory_iterator(root_ / kind.name, ignored)) {
      if (entry.path().filename().string().starts_with(gone_mark)) fs::remove_all(entry.path(), ignored);
    }
  }
}

CacheFolder::Outcome CacheFolder::remove(const CacheEntry& entry, bool unless_used_since, CacheRemoval& sum) const {
  std::error_code failed;
  const auto beside = Seal::place(entry.path, fs::is_directory(entry.path, failed));
  auto maker = entry.path;
  maker += ".lock";
  std::vector<fs::path> moved;
  {
    const PathLock kind(entry.path.parent_path(), PathLock::Kind::Exclusive);
    const PathLock user(entry.path, PathLock::Kind::ExclusiveIfFree), making(maker, PathLock::Kind::ExclusiveIfFree);
    if (user.is_busy() || making.is_busy()) return Outcome::InUse;
    if (unless_used_since && !entry.left_behind && last_used(entry.path) != entry.last_used_nanoseconds)
      return Outcome::InUse;
    set_aside(entry.path, moved);
    if (moved.empty() && fs::exists(entry.path, failed)) {
      sum.failures.push_back(
          fmt::format("{}: cannot be removed\n    choose a folder that you may write to", entry.path.string()));
      return Outcome::InUse;
    }
    if (beside.parent_path() == entry.path.parent_path()) set_aside(beside, moved);
    if (making.is_open()) fs::remove(maker, failed);
  }
  for (const auto& path : moved) fs::remove_all(path, failed);
  return Outcome::Gone;
}

CacheRemoval CacheFolder::remove(const std::vector<CacheEntry>& entries) const {
  empty_trash();
  CacheRemoval sum;
  for (const auto& entry : entries) {
    const auto failures = sum.failures.size();
    // One that is being written now is somebody's.
    const bool is_young = entry.left_behind && seconds_since(entry.last_used_nanoseconds) < abandoned_seconds;
    if (!is_young && remove(entry, /*unless_used_since=*/false, sum) == Outcome::Gone) {
      ++sum.entries;
      sum.bytes += entry.bytes;
    } else if (sum.failures.size() == failures) {
      ++sum.in_use;
    }
  }
  return sum;
}

CacheRemoval CacheFolder::trim(std::uint64_t most_bytes, double grace_seconds) const {
  CacheRemoval sum;
  // One at a time, so that two do not remove twice what is too much.
  const PathLock alone(root_, PathLock::Kind::Exclusive);
  empty_trash();
  auto all = entries();
  for (const auto& entry : all) sum.bytes_left += entry.bytes;
  std::stable_sort(all.begin(), all.end(), [](const CacheEntry& one, const CacheEntry& other) {
    return std::pair(!one.left_behind, one.last_used_nanoseconds) <
           std::pair(!other.left_behind, other.last_used_nanoseconds);
  });
  for (const auto& entry : all) {
    const auto age_seconds = seconds_since(entry.last_used_nanoseconds);
    const bool is_abandoned = entry.left_behind && age_seconds >= abandoned_seconds;
    if (!is_abandoned) {
      if (sum.bytes_left <= most_bytes) break;
      if (entry.left_behind || !goes_by_itself(entry.kind)) continue;
    }
    const auto failures = sum.failures.size();
    const bool is_fresh = !is_abandoned && age_seconds < grace_seconds;
    if (!is_fresh && remove(entry, /*unless_used_since=*/true, sum) == Outcome::Gone) {
      ++sum.entries;
      sum.bytes += entry.bytes;
      sum.bytes_left -= entry.bytes;
    } else if (sum.failures.size() == failures) {
      ++sum.in_use;
    }
  }
  return sum;
}

}  // namespace espalier
