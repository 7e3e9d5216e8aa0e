// What plugin files hold, as JSON, each opened in a process of its own: espalier keeps the answers, so that planning needs
// no plugin code, and a file that misbehaves as soon as it is opened harms nothing but itself.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <nlohmann/json.hpp>
#include <thread>

#include "commands.h"
#include "loader/plugin_catalog.h"
#include "words/plugin_files.h"
#include "words/printable.h"
#include "words/process_ending.h"
#include "words/watch.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::size_t most_answer_bytes = 4 << 20, most_output_bytes = 65536;

// One file being described.
struct Description {
  std::string file;
  pid_t child = 0;
  int answer = -1, output = -1;  // what the child says of the plugin; what the plugin's own code prints
  std::string answered, printed;
  Clock::time_point begun;
};

// Moves a descriptor to where loops over descriptors do not usually come to.
int out_of_sight(int descriptor) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 700);
  return moved >= 0 ? moved : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

// The child: opens the file, says what it found, and ends as any program ends, so that the end is tried as well: that of
// what the file brought. What was there before it, LibTorch above all, takes ten times as long to end and tells nothing.
[[noreturn]] void describe_and_end(const std::string& file, int answer) {
  std::atexit([] {
    std::fflush(nullptr);
    ::_exit(0);
  });
  json document;
  try {
    document["plugin"] = to_json(loader::load_plugin(file).description);
  } catch (const std::exception& error) {
    document = {{"refused", error.what()}};
  }
  const auto text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  for (std::size_t sent = 0; sent < text.size();) {
    const auto count = ::write(answer, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  std::exit(0);
}

void start(Description& description) {
  int answer[2], output[2];
  if (::pipe2(answer, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0)
    throw InputError("plugin files cannot be described: no pipe can be made\n    raise the limit of open files");
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  description.begun = Clock::now();
  description.child = ::fork();
  if (description.child < 0)
    throw InputError("plugin files cannot be described: no process can be started\n    end other programs");
  if (description.child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setpgid(0, 0);
    for (const int signal : {SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(output[1], 1);
    ::dup2(null, 2);
    const int hidden = out_of_sight(answer[1]);
    for (const int descriptor : {null, answer[0], answer[1], output[0], output[1]}) ::close(descriptor);
    describe_and_end(description.file, hidden);
  }
  ::setpgid(description.child, description.child);
  ::close(answer[1]);
  ::close(output[1]);
  description.answer = answer[0];
  description.output = output[0];
  for (const int end : {description.answer, description.output}) ::fcntl(end, F_SETFL, O_NONBLOCK);
}

void read_into(std::string& text, int descriptor, std::size_t most) {
  char buffer[16384];
  for (ssize_t count; (count = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    if (text.size() < most) text.append(buffer, static_cast<std::size_t>(count));
  }
}

void end(Description& description) {
  if (description.child != 0) ::kill(-description.child, SIGKILL);  // and what it may have started
  description.child = 0;
  for (int* descriptor : {&description.answer, &description.output}) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
}

json refused(const std::string& file, const std::string& why) {
  return {{"file", file}, {"refused", file + ": " + why}};
}

// What a child that has ended leaves: a plugin, or why there is none.
json outcome(const Description& description, int status) {
  const auto& file = description.file;
  const auto answered = json::parse(description.answered, nullptr, false);
  const bool whole = answered.is_object() && (answered.contains("plugin") || answered.contains("refused"));
  if (!whole) {
    return refused(file, "the process that opened it " + ending_in_words(status) +
                             "\n    code of the file runs as soon as it is opened: what initialises its static objects "
                             "must not end the program");
  }
  if (answered.contains("refused")) return {{"file", file}, {"refused", answered["refused"]}};
  if (status != 0) {
    return refused(file, "the process that opened it " + ending_in_words(status) +
                             " when it was to end\n    what destroys the file's static objects fails");
  }
  if (!description.printed.empty()) {
    return refused(file,
                   "prints as soon as it is opened ('" + printable_line(description.printed, 60) +
                       "'), where results are printed\n    print on standard error, and not before a plugin is called");
  }
  return {{"file", file}, {"plugin", answered["plugin"]}};
}

}  // namespace

ExitCode describe(const DescribeWords& words) {
  std::deque<std::string> waiting(words.files.begin(), words.files.end());
  std::list<Description> running;
  const auto most = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
  auto answers = json::array();
  while (!waiting.empty() || !running.empty()) {
    while (!waiting.empty() && running.size() < most) {
      running.emplace_back().file = waiting.front();
      waiting.pop_front();
      start(running.back());
    }
    ::usleep(3000);
    for (auto it = running.begin(); it != running.end();) {
      auto& description = *it;
      read_into(description.answered, description.answer, most_answer_bytes);
      read_into(description.printed, description.output, most_output_bytes);
      int status = 0;
      const bool ended = ::waitpid(description.child, &status, WNOHANG) == description.child;
      const bool late = std::chrono::duration<double>(Clock::now() - description.begun).count() > words.seconds_a_file;
      if (ended) {
        read_into(description.answered, description.answer, most_answer_bytes);
        read_into(description.printed, description.output, most_output_bytes);
        answers.push_back(outcome(description, status));
      } else if (late || interrupted()) {
        ::kill(-description.child, SIGKILL);
        ::kill(description.child, SIGKILL);
        ::waitpid(description.child, &status, 0);
        answers.push_back(
            refused(description.file, "was not opened, or did not end, within " +
                                          std::to_string(static_cast<int>(words.seconds_a_file)) +
                                          " s\n    what initialises or destroys its static objects hangs"));
      }
      if (!ended && !late && !interrupted()) {
        ++it;
        continue;
      }
      end(description);
      it = running.erase(it);
    }
    if (interrupted()) throw Interrupted{};
  }
  std::puts(json{{"files", answers}}.dump(2, ' ', false, json::error_handler_t::replace).c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
