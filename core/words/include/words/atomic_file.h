// Files that are there whole or not at all: written aside, synced and renamed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// Writes to a temporary name beside the target; commit() syncs and renames, the destructor removes what was not
// committed. Throws InputError with the path and the reason (no space left, read-only, ...).
class ESPALIER_WORDS_API AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, std::size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

ESPALIER_WORDS_API void write_file(const std::filesystem::path& target, std::string_view content);
// The whole file. Throws InputError when it is missing or cannot be read.
ESPALIER_WORDS_API std::string read_file(const std::filesystem::path& path);

}  // namespace espalier
