// One program that runs beside this one. The only place that sees Boost.Process.
#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace espalier::runner {

struct Ending {
  int exit_code = 0;
  int signal = 0;  // 0: it ended by itself

  bool well() const { return exit_code == 0 && signal == 0; }
  // "ended with exit code 3", "died by signal 11 (Segmentation fault)"
  std::string text() const;
};

class ChildProcess {
 public:
  struct Start {
    std::filesystem::path program;
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;  // on top of this program's own
    std::FILE* out = nullptr;
    std::FILE* error = nullptr;
    std::vector<int> processors = {};  // it is to stay on; empty: any
  };

  // Starts it in a process group of its own, so that Ctrl-C on the terminal reaches it once, through us. It gets a
  // SIGTERM when this program dies. Throws SettingsError when it cannot be started.
  explicit ChildProcess(const Start& start);
  ~ChildProcess();  // kills it where it still runs
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;

  int id() const;
  std::optional<Ending> ending();  // without waiting
  void send(int signal);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Printed {
  Ending ending;
  std::string out, error;
};

// A program whose words are kept for when it has ended.
class ListenedProcess {
 public:
  explicit ListenedProcess(ChildProcess::Start start);  // its streams are this object's

  std::optional<Printed> ended();  // without waiting
  void send(int signal) { child_.send(signal); }

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  static File temporary_file();
  static std::string content(std::FILE* file);

  File out_ = temporary_file(), error_ = temporary_file();
  ChildProcess child_;
};

// Runs a program to its end and keeps what it prints; nullopt: it took longer, and was killed.
std::optional<Printed> run_to_end(ChildProcess::Start start, double seconds);

}  // namespace espalier::runner
