// How large the cache may become.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <espalier/export.h>
#include "words/watch.h"

namespace espalier {

inline constexpr const char* cache_limit_variable = "ESPALIER_CACHE_LIMIT";
// What was used so shortly before is not trimmed.
inline constexpr double cache_grace_seconds = 60;

// $ESPALIER_CACHE_LIMIT; nullopt: none. Throws SettingsError where it is no number of bytes.
ESPALIER_WORDS_API std::optional<std::uint64_t> cache_limit();

// Called when an entry of so many bytes was written: looks through the cache when what this process has written since it
// looked last is a hundredth of the limit, and trims it. Without a limit it looks at the disk's free space instead.
ESPALIER_WORDS_API void keep_to_limit(const std::filesystem::path& root, std::uint64_t written_bytes,
                                      const Watch& watch);

// What is said where the disk is nearly full; empty where it is not.
ESPALIER_WORDS_API std::string lack_of_space(const std::filesystem::path& root, std::uint64_t free_bytes,
                                             std::uint64_t disk_bytes);

}  // namespace espalier
