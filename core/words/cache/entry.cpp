#include "words/cache/entry.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <system_error>

#include "seal.h"
#include "words/atomic_file.h"
#include "words/cache/folder.h"
#include "words/cache/limit.h"
#include "words/cache/lock.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t seconds_between_notes = 60;

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  throw InputError(
      fmt::format("{}: cannot be written: {}\n    make room or choose another folder (ESPALIER_CACHE), then run the "
                  "same command again",
                  path.string(), why));
}

// Not synced: what a power cut leaves of it does not verify.
void write_plain(const fs::path& path, std::string_view text) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) cannot_write(path, std::strerror(errno));
  errno = 0;
  const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool is_closed = std::fclose(file) == 0;
  if (is_written && is_closed) return;
  const int error = errno;
  ::unlink(path.c_str());
  cannot_write(path, std::strerror(error));
}

void write_text(const fs::path& place, const std::string& text) {
  const fs::path aside = fmt::format("{}.part.{}", place.string(), ::getpid());
  write_plain(aside, text);
  std::error_code failed;
  fs::rename(aside, place, failed);
  if (failed) cannot_write(place, failed.message());
}

std::string text_of(const fs::path& path) {
  try {
    return read_file(path);
  } catch (const Error&) {
    return "";
  }
}

// Removed unless it has found its place.
class Aside {
 public:
  explicit Aside(fs::path path) : path_(std::move(path)) {}
  ~Aside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

struct CachedEntry::Found {
  bool there = false;
  std::string damage = {};
  std::string seal = {}, learned = {};  // as it stands, and as it is to be
};

CachedEntry::CachedEntry(fs::path path) : path_(std::move(path)) {}

CachedEntry::Found CachedEntry::look(bool every_byte) const {
  std::error_code failed;
  const auto status = fs::status(path_, failed);
  if (!fs::exists(status)) return {};
  const auto place = Seal::place(path_, fs::is_directory(status));
  const auto written = text_of(place);
  auto seal = Seal::from(written);
  if (!seal) {
    return {true, fmt::format("{} {}",
                              written.empty() ? "nothing says what was written there: it has no"
                                              : "what says what was written there is not whole:",
                              place.filename().string())};
  }
  auto damage = seal->damage_of(path_, every_byte);
  return {true, std::move(damage), written, seal->learned() ? seal->text() : std::string()};
}

CachedEntry::Found CachedEntry::look_again(bool every_byte) const {
  auto found = look(every_byte);
  if (!found.damage.empty()) {
    // It may have been in the middle of being replaced or removed, which is done under the lock of its kind.
    const PathLock still(path_.parent_path(), PathLock::Kind::Shared);
    found = look(every_byte);
  }
  if (!found.damage.empty() || found.learned.empty()) return found;
  std::error_code failed;
  const auto place = Seal::place(path_, fs::is_directory(path_, failed));
  const PathLock lock(path_.parent_path(), PathLock::Kind::Exclusive);
  try {
    if (text_of(place) == found.seal) write_text(place, found.learned);
  } catch (const InputError&) {  // it is read again the next time
  }
  return found;
}

bool CachedEntry::is_whole(const Watch& watch) const {
  const auto found = look_again(/*every_byte=*/false);
  if (!found.there) return false;
  if (!found.damage.empty()) {
    watch.tell(fmt::format("{}: does not verify and is computed again: {}", path_.string(), found.damage));
    return false;
  }
  note_use();
  return true;
}

std::string CachedEntry::damage() const { return look_again(/*every_byte=*/true).damage; }

void CachedEntry::note_use() const {
  struct stat found {};
  const bool is_there = ::stat(path_.c_str(), &found) == 0;
  auto place = Seal::place(path_, is_there && S_ISDIR(found.st_mode));
  if (::stat(place.c_str(), &found) != 0) place = path_;
  if (::stat(place.c_str(), &found) != 0 || std::time(nullptr) - found.st_mtim.tv_sec < seconds_between_notes) return;
  ::utimensat(AT_FDCWD, place.c_str(), nullptr, 0);
}

void CachedEntry::put(const std::function<void(const fs::path& aside)>& fill, const Watch& watch) const {
  std::error_code failed;
  fs::create_directories(path_.parent_path(), failed);
  if (failed) cannot_write(path_.parent_path(), failed.message());
  const Aside aside(fmt::format("{}.part.{}", path_.string(), ::getpid()));
  fs::remove_all(aside.path(), failed);
  try {
    fill(aside.path());
  } catch (const fs::filesystem_error& error) {
    cannot_write(path_, error.code().message());
  }
  take(aside.path(), "", watch);
}

void CachedEntry::put_text(std::string_view text, const Watch& watch) const {
  put([&](const fs::path& aside) { write_plain(aside, text); }, watch);
}

void CachedEntry::put_file(const fs::path& aside, const std::string& digest, const Watch& watch) const {
  take(aside, digest, watch);
}

void CachedEntry::take(const fs::path& aside, const std::string& digest, const Watch& watch) const {
  auto seal = Seal::of(aside, path_.filename().string(), digest);
  std::error_code failed;
  const bool is_folder = fs::is_directory(aside, failed);
  const auto root = path_.parent_path().parent_path();
  std::vector<fs::path> gone;
  {
    const PathLock lock(path_.parent_path(), PathLock::Kind::Exclusive);
    write_text(Seal::place(is_folder ? aside : path_, is_folder), seal.text());
    if (fs::is_directory(path_, failed)) CacheFolder::set_aside(path_, gone);
    fs::rename(aside, path_, failed);
    if (failed) cannot_write(path_, failed.message());
    if (seal.remember(path_)) write_text(Seal::place(path_, is_folder), seal.text());
  }
  for (const auto& path : gone) fs::remove_all(path, failed);
  keep_to_limit(root, bytes_below(path_), watch);
}

}  // namespace espalier
