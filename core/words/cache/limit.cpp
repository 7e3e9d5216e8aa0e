#include "words/cache/limit.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "words/cache/byte_count.h"
#include "words/cache/folder.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

// Looked at after so much of the limit, or so many bytes where there is none.
constexpr std::uint64_t looks_a_limit = 100, bytes_between_looks = 64 << 20;
// Trimmed to somewhat less than the limit, so that the next entries fit without a look at each.
constexpr std::uint64_t room_parts = 20;
constexpr std::uint64_t least_free_percent = 5;

// What this process did with one cache folder.
struct Folder {
  std::uint64_t written_bytes = 0;  // since the last look
  bool said_full = false, said_over = false;
};

struct Process {
  std::mutex mutex;
  std::map<std::string, Folder> folders;
};

Process& this_process() {
  static Process process;
  return process;
}

bool says_now(const fs::path& root, bool Folder::*said) {
  const std::lock_guard lock(this_process().mutex);
  return !std::exchange(this_process().folders[root.string()].*said, true);
}

// The first entry of a process counts as many: else many short ones would never look.
bool is_time_to_look(const fs::path& root, std::uint64_t written_bytes, std::uint64_t between) {
  const std::lock_guard lock(this_process().mutex);
  const auto [known, is_first] = this_process().folders.try_emplace(root.string());
  auto& since = known->second.written_bytes;
  since += written_bytes;
  if (!is_first && since < between) return false;
  since = 0;
  return true;
}

}  // namespace

std::optional<std::uint64_t> cache_limit() {
  const char* given = std::getenv(cache_limit_variable);
  if (given == nullptr || *given == '\0') return std::nullopt;
  return bytes_from(given, cache_limit_variable);
}

std::string lack_of_space(const fs::path& root, std::uint64_t free_bytes, std::uint64_t disk_bytes) {
  if (disk_bytes == 0 || free_bytes / least_free_percent >= disk_bytes / 100) return "";
  return fmt::format(
      "{}: its disk is nearly full: {} of {} are free\n    'espalier cache' shows what lies there, 'espalier cache "
      "trim --to "
      "10GiB' removes what was not used for longest, and {}=10GiB keeps it to that",
      root.string(), size_text(free_bytes), size_text(disk_bytes), cache_limit_variable);
}

void keep_to_limit(const fs::path& root, std::uint64_t written_bytes, const Watch& watch) {
  const auto limit = cache_limit();
  if (!is_time_to_look(root, written_bytes, limit ? *limit / looks_a_limit : bytes_between_looks)) return;
  if (!limit) {
    struct statvfs disk {};
    if (::statvfs(root.c_str(), &disk) != 0) return;
    const auto text =
        lack_of_space(root, std::uint64_t{disk.f_bavail} * disk.f_frsize, std::uint64_t{disk.f_blocks} * disk.f_frsize);
    if (!text.empty() && says_now(root, &Folder::said_full)) watch.tell(text);
    return;
  }
  const CacheFolder folder(root);
  std::uint64_t bytes = 0;
  for (const auto& entry : folder.entries()) bytes += entry.bytes;
  if (bytes <= *limit) return;
  const auto removed = folder.trim(*limit - *limit / room_parts, cache_grace_seconds);
  if (removed.entries > 0) {
    watch.tell(fmt::format("{}: over its limit of {} ({}): {} {} removed, {}, least recently used first", root.string(),
                           size_text(*limit), cache_limit_variable, removed.entries,
                           removed.entries == 1 ? "entry" : "entries", size_text(removed.bytes)));
  }
  if (removed.bytes_left > *limit && says_now(root, &Folder::said_over)) {
    watch.tell(fmt::format(
        "{}: has {}, over its limit of {} ({}): what is left is in use, or masks and steps, which do not go by "
        "themselves\n    'espalier cache' shows what lies there",
        root.string(), size_text(removed.bytes_left), size_text(*limit), cache_limit_variable));
  }
}

}  // namespace espalier
