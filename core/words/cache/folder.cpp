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
#include <set>
#include <string_view>
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

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec; }

double seconds_since(std::int64_t then_nanoseconds) {
  // Clocks of other machines may be ahead.
  return std::abs(static_cast<double>(now_nanoseconds() - then_nanoseconds)) / nanoseconds_a_second;
}

bool is_left_behind(const std::string& name) {
  return name.find(".part") != std::string::npos || name.ends_with(".old");
}

CacheEntry entry_at(const fs::path& path, const std::string& kind, bool left_behind) {
  CacheEntry entry{kind, path, 0, 0, left_behind};
  struct stat found {
  }, seal{};
  if (::lstat(path.c_str(), &found) != 0) return entry;
  const bool is_folder = S_ISDIR(found.st_mode);
  const bool is_sealed = ::stat(Seal::place(path, is_folder).c_str(), &seal) == 0;
  entry.bytes = is_folder ? bytes_below(path) : static_cast<std::uint64_t>(found.st_size);
  if (is_sealed && !is_folder) entry.bytes += static_cast<std::uint64_t>(seal.st_size);
  entry.last_used_nanoseconds = nanoseconds(is_sealed && !left_behind ? seal.st_mtim : found.st_mtim);
  return entry;
}

// The entries of one kind. Seals belong to their entries; one that has lost its own was left behind.
void add_entries(const fs::path& folder, const std::string& kind, std::vector<CacheEntry>& entries) {
  constexpr std::string_view seal_end = ".sha256";
  std::error_code failed;
  std::set<std::string> names;
  for (const auto& found : fs::directory_iterator(folder, failed)) names.insert(found.path().filename().string());
  for (const auto& name : names) {
    if (name.ends_with(".lock") || name.starts_with(".")) continue;
    const bool is_seal = name.ends_with(seal_end);
    if (is_seal && names.contains(name.substr(0, name.size() - seal_end.size()))) continue;
    entries.push_back(entry_at(folder / name, kind, is_seal || is_left_behind(name)));
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
    if (!fs::exists(fs::symlink_status(entry.path, failed))) return Outcome::Gone;  // another removed it
    const auto now = entry_at(entry.path, entry.kind, entry.left_behind);
    if (unless_used_since && now.last_used_nanoseconds != entry.last_used_nanoseconds) return Outcome::InUse;
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
