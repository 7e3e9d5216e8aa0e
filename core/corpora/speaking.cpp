#include "speaking.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <system_error>

#include "sound_file.h"
#include "words/atomic_file.h"

extern char** environ;

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t processes_at_a_time = 2;

[[noreturn]] void cannot_start(const std::string& program, int error) {
  throw InputError(program + ": cannot be started: " + std::strerror(error) +
                   "\n    apt-get install espeak-ng brings it; --source names it where it is somewhere else");
}

pid_t start(const std::string& program, const std::vector<std::string>& words, const std::string& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments{const_cast<char*>(program.c_str())};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) cannot_start(program, error);
  return child;
}

bool ended_well(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A process that speaks into a file; waited for by its destructor at the latest.
class Voice {
 public:
  Voice(const std::string& program, const Utterance& words, fs::path file) : file_(std::move(file)) {
    child_ = start(program,
                   {"-v", words.variant.empty() ? words.accent : words.accent + "+" + words.variant, "-p",
                    std::to_string(words.pitch), "-s", std::to_string(words.words_per_minute), "-a",
                    std::to_string(words.amplitude), "-w", file_.string(), words.text},
                   "/dev/null");
  }
  ~Voice() {
    if (child_ > 0) ended_well(child_);
    std::error_code ignored;
    fs::remove(file_, ignored);
  }
  Voice(const Voice&) = delete;
  Voice& operator=(const Voice&) = delete;

  std::vector<std::int16_t> samples() {
    const bool spoken = ended_well(child_);
    child_ = 0;
    return spoken ? heard_in(file_) : std::vector<std::int16_t>{};
  }

 private:
  fs::path file_;
  pid_t child_ = 0;
};

}  // namespace

Speaking::Speaking(std::string program, fs::path folder) : program_(std::move(program)), folder_(std::move(folder)) {
  // eSpeak NG text-to-speech: 1.51  Data at: ...
  std::istringstream words(answer_to("--version"));
  for (std::string word; version_.empty() && words >> word;) {
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') version_ = word;
  }
  if (version_.empty()) {
    throw InputError(program_ +
                     ": does not answer --version as espeak-ng does\n    apt-get install espeak-ng brings it");
  }
}

std::string Speaking::answer_to(const std::string& option) const {
  const auto file = folder_ / "answer";
  const bool well = ended_well(start(program_, {option}, file.string()));
  auto text = read_file(file);
  std::error_code ignored;
  fs::remove(file, ignored);
  return well ? text : std::string();
}

std::vector<std::string> Speaking::variants() const {
  const std::string mark = "!v/";
  std::vector<std::string> names;
  std::istringstream lines(answer_to("--voices=variant"));
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find(mark);
    if (begin == std::string::npos) continue;
    auto name = line.substr(begin + mark.size());
    name = name.substr(0, name.find("  "));
    while (!name.empty() && name.back() == ' ') name.pop_back();
    if (!name.empty() && name.find(' ') == std::string::npos) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Speaking::speak(const std::vector<Utterance>& utterances,
                     const std::function<bool(std::size_t, const std::vector<std::int16_t>&)>& next) const {
  std::deque<Voice> voices;
  std::size_t started = 0;
  const auto start_next = [&] {
    if (started == utterances.size()) return;
    voices.emplace_back(program_, utterances[started], folder_ / ("spoken" + std::to_string(started) + ".wav"));
    ++started;
  };
  while (started < std::min(processes_at_a_time, utterances.size())) start_next();
  for (std::size_t number = 0; number < utterances.size(); ++number) {
    const auto samples = voices.front().samples();
    voices.pop_front();
    start_next();
    if (!next(number, samples)) return;
  }
}

}  // namespace espalier::corpora
