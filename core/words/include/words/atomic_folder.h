// Folders that are there whole or not at all: filled aside and renamed.
#pragma once

#include <filesystem>

#include <espalier/export.h>

namespace espalier {

// Makes a folder beside the target, with a temporary name; commit() gives it the target's name, the destructor removes
// what was not committed. What a killed process left behind is removed by the next one. Throws InputError with the path
// and the reason.
class ESPALIER_WORDS_API AtomicFolder {
 public:
  enum class Existing {
    Refuse,   // a target that exists and is not an empty folder is an error
    Replace,  // it is removed when the new one is whole
  };
  explicit AtomicFolder(std::filesystem::path target, Existing existing = Existing::Refuse);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  const std::filesystem::path& path() const { return temporary_; }  // to write into
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  Existing existing_;
  int descriptor_ = -1;  // of the temporary folder, locked as long as this process fills it
};

}  // namespace espalier
