// A folder of this process alone, for what nobody needs when it is gone.
#pragma once

#include <filesystem>
#include <string>

namespace espalier::runner {

// $TMPDIR, else /tmp.
std::filesystem::path local_folder();

class OwnFolder {
 public:
  // "espalier-KIND-" and the process's name, in the parent folder. Those of its kind whose process is gone are removed first.
  // Throws StoreError where it cannot be made.
  OwnFolder(const std::filesystem::path& parent, const std::string& kind);
  ~OwnFolder();  // removes it
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace espalier::runner
