#include "words/atomic_folder.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace espalier {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_make(const fs::path& path, const std::string& why) {
  throw InputError(path.string() + ": cannot be made: " + why + "\n    choose a folder that you may write to");
}

int open_locked(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

// Folders that nobody holds are of processes that were killed.
void remove_left_behind(const fs::path& target) {
  std::error_code ignored;
  const auto start = target.filename().string() + ".part.";
  for (const auto& entry : fs::directory_iterator(target.parent_path(), ignored)) {
    if (!entry.path().filename().string().starts_with(start)) continue;
    const int descriptor = open_locked(entry.path());
    if (descriptor < 0) continue;
    fs::remove_all(entry.path(), ignored);
    close(descriptor);
  }
}

}  // namespace

AtomicFolder::AtomicFolder(fs::path target, Existing existing)
    : target_(fs::absolute(target).lexically_normal()), existing_(existing) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  std::error_code error;
  if (fs::exists(target_, error) && !fs::is_directory(target_, error)) {
    cannot_make(target_, "a file of that name exists");
  }
  if (existing_ == Existing::Refuse && fs::exists(target_, error) && !fs::is_empty(target_, error)) {
    throw InputError(target_.string() + ": exists and is not empty\n    remove it or choose another folder");
  }
  fs::create_directories(target_.parent_path(), error);
  if (error) cannot_make(target_, error.message());
  remove_left_behind(target_);
  std::string pattern = target_.string() + ".part.XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) cannot_make(target_, std::strerror(errno));
  temporary_ = pattern;
  descriptor_ = open_locked(temporary_);
  fs::permissions(temporary_,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read |
                      fs::perms::others_exec,
                  error);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
  if (descriptor_ >= 0) close(descriptor_);
}

void AtomicFolder::commit() {
  std::error_code error;
  fs::path old;
  if (existing_ == Existing::Replace && fs::exists(target_, error)) {
    old = temporary_.string() + ".old";  // renamed first, so that the time without a target is short
    fs::rename(target_, old, error);
    if (error) cannot_make(target_, error.message());
  }
  fs::rename(temporary_, target_, error);
  if (error) cannot_make(target_, error.message());
  temporary_.clear();
  if (!old.empty()) fs::remove_all(old, error);
}

}  // namespace espalier
