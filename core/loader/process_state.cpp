#include "process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <optional>

extern char** environ;

namespace espalier::loader {
namespace {

// Above what loops over descriptors usually reach, and below the usual limit of 1024.
constexpr int out_of_sight = 600;

std::string present_folder() {
  std::error_code failed;
  return std::filesystem::current_path(failed).string();
}

mode_t present_mask() {
  const auto mask = ::umask(0);
  ::umask(mask);
  return mask;
}

std::vector<std::string> present_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

void restore_environment(const std::vector<std::string>& wanted) {
  if (present_environment() == wanted) return;
  ::clearenv();
  for (const auto& entry : wanted) {
    const auto equals = entry.find('=');
    if (equals != std::string::npos) ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
  }
}

void stop_timers() {
  const itimerval none{};
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) ::setitimer(timer, &none, nullptr);
}

}  // namespace

std::map<int, ProcessState::File> ProcessState::open_files() {
  std::map<int, File> files;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return files;
  while (const dirent* entry = ::readdir(folder)) {
    const int descriptor = std::atoi(entry->d_name);
    struct stat status {};
    const bool is_number = entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
    if (!is_number || descriptor == ::dirfd(folder) || ::fstat(descriptor, &status) != 0) continue;
    files[descriptor] = {status.st_dev, status.st_ino};
  }
  ::closedir(folder);
  return files;
}

ProcessState::ProcessState() : folder_(present_folder()), mask_(present_mask()) {
  for (int stream = 0; stream < 3; ++stream) {
    kept_streams_[stream] = ::fcntl(stream, F_DUPFD_CLOEXEC, out_of_sight);
    if (kept_streams_[stream] < 0) kept_streams_[stream] = ::fcntl(stream, F_DUPFD_CLOEXEC, 3);
  }
  files_ = open_files();
  for (int signal = 1; signal < 32; ++signal) {
    struct sigaction handler {};
    if (::sigaction(signal, nullptr, &handler) == 0) handlers_[signal] = handler;
  }
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked_);
  limits_.resize(RLIM_NLIMITS);
  for (int i = 0; i < static_cast<int>(limits_.size()); ++i)
    ::getrlimit(static_cast<__rlimit_resource_t>(i), &limits_[static_cast<std::size_t>(i)]);
  ::fegetenv(&arithmetic_);
  if (const char* locale = std::setlocale(LC_ALL, nullptr)) locale_ = locale;
  environment_ = present_environment();
}

ProcessState::~ProcessState() {
  for (const int kept : kept_streams_) {
    struct stat status {};
    const auto known = files_.find(kept);
    if (kept >= 0 && known != files_.end() && ::fstat(kept, &status) == 0 &&
        known->second == File{status.st_dev, status.st_ino})
      ::close(kept);
  }
}

void ProcessState::put_folder_back() const {
  ::umask(mask_);
  if (!folder_.empty() && present_folder() != folder_) [[maybe_unused]]
    const int ignored = ::chdir(folder_.c_str());
}

bool ProcessState::restore_stream(int stream) const {
  const int kept = kept_streams_[stream];
  struct stat status {};
  if (kept < 0 || ::fstat(kept, &status) != 0 || files_.at(kept) != File{status.st_dev, status.st_ino}) return false;
  return ::dup2(kept, stream) == stream;
}

std::string ProcessState::put_back() {
  ::fesetenv(&arithmetic_);
  if (const char* locale = std::setlocale(LC_ALL, nullptr); locale == nullptr || locale_ != locale)
    std::setlocale(LC_ALL, locale_.c_str());
  stop_timers();
  for (const auto& [signal, handler] : handlers_) ::sigaction(signal, &handler, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &blocked_, nullptr);
  restore_environment(environment_);
  std::string harm;
  const auto did = [&](const std::string& what) { harm += (harm.empty() ? "" : ", and ") + what; };
  for (int i = 0; i < static_cast<int>(limits_.size()); ++i) {
    const auto resource = static_cast<__rlimit_resource_t>(i);
    const auto& wanted = limits_[static_cast<std::size_t>(i)];
    rlimit found{};
    if (::getrlimit(resource, &found) != 0) continue;
    const bool as_it_was = found.rlim_cur == wanted.rlim_cur && found.rlim_max == wanted.rlim_max;
    if (!as_it_was && ::setrlimit(resource, &wanted) != 0) did("lowered a limit of the process for good");
  }
  put_folder_back();
  if (!folder_.empty() && present_folder() != folder_) did("left the working folder for one there is no way back from");
  const auto found = open_files();
  std::string gone;
  for (const auto& [descriptor, file] : files_) {
    const auto still = found.find(descriptor);
    if (still != found.end() && still->second == file) continue;
    if (descriptor < 3 && restore_stream(descriptor)) continue;
    gone += (gone.empty() ? "" : ", ") + std::to_string(descriptor);
  }
  if (!gone.empty()) did("closed or replaced file descriptors that are not its own (" + gone + ")");
  return harm;
}

}  // namespace espalier::loader
