#include "words/atomic_file.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace espalier {
namespace {

[[noreturn]] void cannot_write(const std::filesystem::path& path, int error) {
  std::string message = path.string() + ": cannot be written: " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT)
    message += "\n    free some space or choose another folder, then run the same command again";
  if (error == EROFS || error == EACCES || error == EPERM) message += "\n    choose a folder that you may write to";
  if (error == ENOENT) message += "\n    the folder " + path.parent_path().string() + " does not exist";
  throw InputError(message);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  temporary_ = target_;
  temporary_ += ".part." + std::to_string(getpid());
  descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) cannot_write(target_, errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_write(target_, errno);
    next += written;
    size -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0 && errno != EINVAL) cannot_write(target_, errno);
  if (close(descriptor_) != 0) {
    descriptor_ = -1;
    const int error = errno;
    unlink(temporary_.c_str());
    cannot_write(target_, error);
  }
  descriptor_ = -1;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_.c_str());
    cannot_write(target_, error);
  }
}

void write_file(const std::filesystem::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path.string() + ": is a folder, expected a file");
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw InputError(path.string() + ": cannot be read: " + std::strerror(errno));
  std::string text;
  char buffer[1 << 16];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, got);
  const int error = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  if (error != 0) throw InputError(path.string() + ": cannot be read: " + std::strerror(error));
  return text;
}

}  // namespace espalier
