// One entry of the cache, CACHE/KIND/NAME: a file or a folder, and its seal, which says what it held when it was written.
// An entry that holds anything else is as good as none.
//
// The seal is NAME.sha256 beside a file and .sha256 in a folder, as sha256sum writes and checks them. The time of the seal is
// that of the entry's last use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <espalier/export.h>
#include "words/watch.h"

namespace espalier {

class ESPALIER_WORDS_API CachedEntry {
 public:
  explicit CachedEntry(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }

  // Whether it is there and holds what was put there; then it counts as used. `watch` is told of one that is there and
  // holds anything else, which the caller computes again. Large files that nothing has touched since they were read last
  // are not read again.
  bool is_whole(const Watch& watch) const;
  // Why it does not hold what was put there, after reading every byte; empty where it does, or where nothing is there.
  std::string damage() const;
  // Counts as used now. Costs little, and writes once a minute at most.
  void note_use() const;

  // Has `fill` write a file or a folder beside it and gives that its place, at once or not at all; what was there goes.
  // Keeps the cache to its limit. Throws InputError where it cannot be written.
  void put(const std::function<void(const std::filesystem::path& aside)>& fill, const Watch& watch) const;
  void put_text(std::string_view text, const Watch& watch) const;
  // The same of a file that is written already, whose digest is known.
  void put_file(const std::filesystem::path& aside, const std::string& digest, const Watch& watch) const;

 private:
  struct Found;
  Found look(bool every_byte) const;
  Found look_again(bool every_byte) const;
  void take(const std::filesystem::path& aside, const std::string& digest, const Watch& watch) const;

  std::filesystem::path path_;
};

}  // namespace espalier
