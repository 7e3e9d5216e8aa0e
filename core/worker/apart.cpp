#include "apart.h"

#include <c10/util/Exception.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <utility>
#include <vector>

#include "commands.h"
#include "words/printable.h"
#include "words/process_ending.h"
#include "words/watch.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

// Where loops over descriptors do not usually come to.
constexpr int out_of_sight = 700;
// Between asking a child to stop and ending it.
constexpr double grace_seconds = 8;

int wake_parent = -1, answers_of_child = -1;  // of the child

[[noreturn]] void cannot_start(const char* what) {
  throw InputError(std::string("a process for the work cannot be started: ") + what +
                   " failed\n    end other programs, or "
                   "raise the limits of processes and open files");
}

int hidden(int descriptor) {
  int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, out_of_sight);
  if (moved < 0) moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (moved < 0) ::_exit(static_cast<int>(ExitCode::Input));
  return moved;
}

// The child holds what it was given and nothing else of its parent's.
void close_all_but(std::initializer_list<int> kept) {
  std::vector<int> open;
  if (DIR* folder = ::opendir("/proc/self/fd")) {
    while (const dirent* entry = ::readdir(folder)) {
      const int descriptor = std::atoi(entry->d_name);
      if (descriptor > 2 && descriptor != ::dirfd(folder) &&
          std::find(kept.begin(), kept.end(), descriptor) == kept.end())
        open.push_back(descriptor);
    }
    ::closedir(folder);
  }
  for (const int descriptor : open) ::close(descriptor);
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) cannot_start("pipe");
    read = ends[0];
    write = ends[1];
  }
};

// The last lines of a text, as many as may stand with a cell.
std::string end_of(const std::string& text) {
  constexpr std::size_t most_bytes = 2000;
  constexpr int most_lines = 8;
  std::size_t begin = text.size();
  for (int lines = 0; begin > 0; ++lines) {
    const auto before = begin < 2 ? std::string::npos : text.rfind('\n', begin - 2);
    const auto line = before == std::string::npos ? 0 : before + 1;
    if (lines == most_lines || (text.size() - line > most_bytes && lines > 0)) break;
    begin = line;
  }
  return text.substr(std::max(begin, text.size() - std::min(text.size(), most_bytes)));
}

void close_and_forget(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

}  // namespace

Apart::Apart(const Work& work, Output output) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) cannot_start("mmap");
  shared_ = new (memory) Shared();
  const Pipe requests, wake, written;
  answers_ = ::memfd_create("answers", MFD_CLOEXEC);
  if (answers_ < 0) cannot_start("memfd_create");
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  child_ = ::fork();
  if (child_ < 0) cannot_start("fork");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setpgid(0, 0);
    if (output == Output::Relayed) {
      const int null = ::open("/dev/null", O_RDONLY);
      ::dup2(null, 0);
      ::dup2(written.write, 1);
      ::dup2(written.write, 2);
    }
    const int asked = hidden(requests.read);
    wake_parent = hidden(wake.write);
    answers_of_child = hidden(answers_);
    close_all_but({asked, wake_parent, answers_of_child});
    loader::write_notes_to(shared_->note);
    const int code = work(*shared_, asked);
    std::fflush(nullptr);
    ::_exit(code);  // no destructor of a plugin's is run any more
  }
  ::setpgid(child_, child_);
  for (const int end : {requests.read, wake.write, written.write}) ::close(end);
  requests_ = requests.write;
  wake_ = wake.read;
  output_ = written.read;
  for (const int end : {wake_, output_}) ::fcntl(end, F_SETFL, O_NONBLOCK);
}

Apart::~Apart() {
  kill();
  for (int* descriptor : {&requests_, &wake_, &output_, &answers_}) close_and_forget(*descriptor);
  if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
}

void Apart::ask(const std::string& line) {
  const auto text = line + '\n';
  for (std::size_t sent = 0; sent < text.size();) {
    const auto count = ::write(requests_, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // it has ended, which wait() finds out
    sent += static_cast<std::size_t>(count);
  }
}

std::string Apart::answer() const {
  std::string bytes;
  const std::size_t size = shared_->answer_bytes;
  struct stat status {};
  // The child may have written anything into its memory: no more is read than there is.
  if (::fstat(answers_, &status) != 0 || size > static_cast<std::size_t>(status.st_size)) return bytes;
  bytes.resize(size);
  for (std::size_t got = 0; got < size;) {
    const auto count = ::pread(answers_, bytes.data() + got, size - got, static_cast<off_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return {};
    got += static_cast<std::size_t>(count);
  }
  return bytes;
}

// A child that has ended may have left others, which hold its streams open: they end with it.
bool Apart::collect(bool block) {
  if (child_ == 0) return true;
  while (true) {
    const auto got = ::waitpid(child_, &status_, block ? 0 : WNOHANG);
    if (got == 0) return false;
    if (got < 0 && errno == EINTR) continue;
    break;
  }
  ::kill(-child_, SIGKILL);
  child_ = 0;
  relay();
  write_lines(/*all=*/true);
  return true;
}

Apart::Event Apart::wait(double seconds) {
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  constexpr int look_every_milliseconds = 100;
  while (true) {
    relay();
    char byte = 0;
    if (wake_ >= 0 && ::read(wake_, &byte, 1) == 1) {
      relay();
      return Event::Said;
    }
    if (collect(/*block=*/false)) return Event::Ended;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return Event::Time;
    pollfd files[2] = {{wake_, POLLIN, 0}, {output_, POLLIN, 0}};
    const int wait_milliseconds = static_cast<int>(std::min<std::int64_t>(left, look_every_milliseconds));
    if (::poll(files, 2, wait_milliseconds) < 0 && errno == EINTR) return Event::Time;
    for (int i = 0; i < 2; ++i) {
      if ((files[i].revents & POLLIN) == 0 && (files[i].revents & (POLLHUP | POLLERR)) != 0)
        close_and_forget(i == 0 ? wake_ : output_);
    }
    if (wake_ < 0 && output_ < 0) ::usleep(2000);  // closed by a plugin: only its end is left to wait for
  }
}

void Apart::relay() {
  if (output_ < 0) return;
  char buffer[65536];
  for (ssize_t count; (count = ::read(output_, buffer, sizeof buffer)) > 0;) {
    const auto bytes = static_cast<std::size_t>(count);
    const bool was_allowed = output_bytes_ <= most_output_bytes;
    output_bytes_ += bytes;
    if (output_bytes_ <= most_output_bytes) {
      unfinished_line_.append(buffer, bytes);
      write_lines(/*all=*/false);
    } else if (was_allowed) {
      write_lines(/*all=*/true);
      say("warning: a cell writes more than " + std::to_string(most_output_bytes >> 20) +
          " MiB: the rest of its output is left out");
    }
  }
}

// Whole lines, since other workers write into the same log.
void Apart::write_lines(bool all) {
  constexpr std::size_t longest_line = 65536;
  const auto end = unfinished_line_.rfind('\n');
  auto count = end == std::string::npos ? 0 : end + 1;
  if (all || unfinished_line_.size() - count > longest_line) count = unfinished_line_.size();
  if (count == 0) return;
  auto text = unfinished_line_.substr(0, count);
  unfinished_line_.erase(0, count);
  if (text.back() != '\n') text += '\n';
  last_words_ = end_of(last_words_ + text);
  for (std::size_t sent = 0; sent < text.size();) {
    const auto written = ::write(STDERR_FILENO, text.data() + sent, text.size() - sent);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    sent += static_cast<std::size_t>(written);
  }
}

void Apart::send(int signal) const {
  if (child_ != 0) ::kill(child_, signal);
}

void Apart::kill() {
  if (child_ == 0) return;
  ::kill(-child_, SIGKILL);
  ::kill(child_, SIGKILL);
  collect(/*block=*/true);
}

void Apart::allow_output() {
  output_bytes_ = 0;
  last_words_.clear();
}

void say_to_parent(Shared& shared, int what, int exit_code) {
  shared.exit_code = exit_code;
  shared.said = what;
  const char byte = 1;
  [[maybe_unused]] const auto ignored = ::write(wake_parent, &byte, 1);
}

bool answer_parent(Shared& shared, const std::string& bytes) {
  constexpr off_t most_kept_bytes = 1 << 20;
  struct stat status {};
  if (::fstat(answers_of_child, &status) == 0 && status.st_size > most_kept_bytes) ::ftruncate(answers_of_child, 0);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto count = ::pwrite(answers_of_child, bytes.data() + sent, bytes.size() - sent, static_cast<off_t>(sent));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  shared.answer_bytes = bytes.size();
  return true;
}

bool asked_to_stop_for_too_long(std::optional<double>& stop_by, Apart& child) {
  if (!interrupted()) return false;
  const double now = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  if (!stop_by) {
    stop_by = now + grace_seconds;
    child.send(SIGTERM);
  }
  return now >= *stop_by || interrupts() > 1;
}

ExitCode carry_out_apart(const std::function<ExitCode()>& command) {
  constexpr int came_to_an_end = 1;
  Apart child(
      [&](Shared& shared, int) {
        const int code = carry_out(command);
        std::fflush(nullptr);
        say_to_parent(shared, came_to_an_end, code);
        return code;
      },
      Apart::Output::Inherited);
  std::optional<double> stop_by;
  while (child.wait(0.1) != Apart::Event::Ended) {
    if (child.shared().said == came_to_an_end) break;
    if (!asked_to_stop_for_too_long(stop_by, child)) continue;
    const auto words = child.shared().note.in_words("");
    child.kill();
    throw Error(ExitCode::Interrupted, "interrupted" + (words.empty() ? "" : ", and ended" + words));
  }
  if (child.shared().said == came_to_an_end) return static_cast<ExitCode>(child.shared().exit_code.load());
  throw PluginError("the process that computes " + ending_in_words(child.wait_status()) +
                    child.shared().note.in_words(" before it had written anything"));
}

int carry_out(const std::function<ExitCode()>& command) {
  const auto complain = [](ExitCode code, const std::string& message) {
    constexpr std::size_t longest = 65536;
    say(printable(message, longest));
    return static_cast<int>(code);
  };
  try {
    return static_cast<int>(command());
  } catch (const Interrupted&) {
    return complain(ExitCode::Interrupted, "interrupted");
  } catch (const Error& error) {
    return complain(error.exit_code(), error.what());
  } catch (const c10::Error& error) {
    return complain(ExitCode::Input, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return complain(ExitCode::Input, "out of memory: use a smaller model, fewer threads or a larger machine");
  } catch (const std::exception& error) {
    return complain(ExitCode::Input, error.what());
  }
}

}  // namespace espalier::worker
