// The cache folder: what lies there, how large it is, when it was used, and how it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

struct CacheKind {
  const char* name;  // of its folder
  bool
      goes_by_itself;  // where the cache is over its limit; the others are what finished cells point at and stopped ones
                       // go on from, and go where a user names them
};

inline constexpr CacheKind cache_kinds[] = {
    {"base_models", true}, {"dense", true},  {"evaluations", true}, {"features", true}, {"languages", true},
    {"masks", false},      {"points", true}, {"scores", true},      {"steps", false},
};

struct CacheEntry {
  std::string kind;
  std::filesystem::path path;
  std::uint64_t bytes = 0;                 // with its seal
  std::int64_t last_used_nanoseconds = 0;  // since 1970
  bool left_behind = false;                // half written, of a process that is at work or was killed
};

struct CacheRemoval {
  std::size_t entries = 0, in_use = 0;
  std::uint64_t bytes = 0, bytes_left = 0;
  std::vector<std::string> failures;  // what cannot be removed, each with the reason
};

// Several processes may write, read, trim and clear at once. Entries that a living process holds open (PathLock) stay.
// What goes is moved away whole before it is removed; whoever has a file of it open reads on.
class ESPALIER_WORDS_API CacheFolder {
 public:
  explicit CacheFolder(std::filesystem::path root);

  const std::filesystem::path& root() const { return root_; }
  std::vector<CacheEntry> entries() const;  // by kind and path
  // Why an entry does not hold what was written; empty: it does.
  static std::string damage_of(const CacheEntry& entry);

  // Removes what goes by itself, least recently used first, until all that lies there has at most so many bytes. What was
  // used within the last `grace_seconds` stays.
  CacheRemoval trim(std::uint64_t most_bytes, double grace_seconds) const;
  // Removes these, used just now or not; bytes_left is not counted.
  CacheRemoval remove(const std::vector<CacheEntry>& entries) const;
  // Removes what killed removals left half done.
  void empty_trash() const;

 private:
  enum class Outcome { Gone, InUse };
  Outcome remove(const CacheEntry& entry, bool unless_used_since, CacheRemoval& sum) const;
  // Under another name, whole; what was moved is added.
  static void set_aside(const std::filesystem::path& path, std::vector<std::filesystem::path>& moved);
  friend class CachedEntry;

  std::filesystem::path root_;
};

// Of a file, or of all files below a folder; links are not followed.
ESPALIER_WORDS_API std::uint64_t bytes_below(const std::filesystem::path& path);

}  // namespace espalier
