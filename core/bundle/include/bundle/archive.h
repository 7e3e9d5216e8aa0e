// Zip archives: written so that the same contents are the same bytes, and read as a stranger's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::bundle {

// Why a name may not be one of an archive's, or empty where it may: relative, of plain parts (none is empty, "." or ".."),
// UTF-8 without controls and backslashes, at most 1,000 bytes.
std::string complaint_about_name(std::string_view name);

// Entries come in the order of their adding, with one time for all. Throws InputError where something cannot be written.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(std::filesystem::path file);
  ~ArchiveWriter();  // without commit() there is no file
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  void add_text(const std::string& name, std::string content);
  void add_file(const std::string& name, const std::filesystem::path& path);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ArchiveEntry {
  std::string name;
  std::uint64_t bytes = 0;  // unpacked
};

// Everything is checked before anything is unpacked: names, that no name is there twice or a link, how entries are packed, and
// that their sizes are in proportion to the file's. Throws InputError with all that is wrong.
class ArchiveReader {
 public:
  explicit ArchiveReader(const std::filesystem::path& file);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  const std::vector<ArchiveEntry>& entries() const { return entries_; }
  bool has(std::string_view name) const;
  // Piece by piece. Throws InputError where there is no such entry, or where it is not what its size and checksum say.
  void each_piece(const std::string& name, const std::function<void(std::string_view)>& take) const;
  std::string sha256(const std::string& name) const;
  // Of an entry of at most so many bytes; a larger one is refused.
  std::string text(const std::string& name, std::uint64_t most_bytes = 256 * 1024 * 1024) const;
  void unpack(const std::string& name, const std::filesystem::path& file) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::vector<ArchiveEntry> entries_;
};

}  // namespace espalier::bundle
