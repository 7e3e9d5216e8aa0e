// What an entry of the cache held when it was written: names and digests of its files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace espalier {

class Seal {
 public:
  // Of an entry at `path`, which shall be known by `name`; `digest`: of a file, where it is known.
  static Seal of(const std::filesystem::path& path, const std::string& name, const std::string& digest);
  // nullopt: not whole.
  static std::optional<Seal> from(const std::string& text);
  static std::filesystem::path place(const std::filesystem::path& entry, bool is_folder);

  std::string text() const;
  // What the entry holds beside what was written, or empty. Files whose identity is remembered are read only where
  // `every_byte` is asked for.
  std::string damage_of(const std::filesystem::path& entry, bool every_byte);
  // Remembers large files of an entry as they are now. True where there are any.
  bool remember(const std::filesystem::path& entry);
  // Whether damage_of() read files that it need not read the next time.
  bool learned() const { return learned_; }

 private:
  struct File {
    std::string name, digest, identity = {};
  };
  std::vector<File> files_;  // by name
  bool learned_ = false;
};

// The regular files of an entry with their names in it: of a file itself, of a folder all but hidden ones.
struct EntryFile {
  std::string name;
  std::filesystem::path path;
};
std::vector<EntryFile> files_of_entry(const std::filesystem::path& entry);

}  // namespace espalier
