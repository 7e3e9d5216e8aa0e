#include "words/cache/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace espalier {

PathLock::PathLock(const std::filesystem::path& path, Kind kind)
    : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) return;
  const int operation = kind == Kind::Shared ? LOCK_SH : kind == Kind::Exclusive ? LOCK_EX : LOCK_EX | LOCK_NB;
  int failed = 0;
  do {
    failed = flock(descriptor_, operation);
  } while (failed != 0 && errno == EINTR);
  busy_ = failed != 0 && errno == EWOULDBLOCK;
}

PathLock::~PathLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool PathLock::is_still(const std::filesystem::path& path) const {
  struct stat opened {
  }, named{};
  return descriptor_ >= 0 && fstat(descriptor_, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace espalier
