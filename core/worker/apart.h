// Work in which plugins run is done by a child process: what a plugin does to its process ends there, and is named. The
// parent runs no plugin's code, holds the database, and waits.
#pragma once

#include <espalier/error.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "loader/at_work.h"

namespace espalier::worker {

// Memory of parent and child: what the child writes there can still be read when it is dead.
struct Shared {
  loader::WorkNote note;
  std::atomic<int> said{0};       // the last thing that the child said; its meaning is the work's own
  std::atomic<int> exit_code{0};  // that goes with it
  std::atomic<std::size_t> answer_bytes{0};
};

class Apart {
 public:
  // What the child does: given the memory and a descriptor that requests are read from, to the child's exit code.
  using Work = std::function<int(Shared&, int requests)>;
  enum class Output {
    Inherited,
    Relayed
  };  // Relayed: all of it goes to the parent's standard error, as far as is allowed

  // Starts it, in a process group of its own. It is killed when this process dies.
  Apart(const Work& work, Output output);
  ~Apart();  // kills what still runs
  Apart(const Apart&) = delete;
  Apart& operator=(const Apart&) = delete;

  Shared& shared() const { return *shared_; }
  void ask(const std::string& line);
  // What the child handed over last.
  std::string answer() const;

  enum class Event { Said, Ended, Time };
  // Until the child says something, ends, or so many seconds have passed; a signal ends it early.
  Event wait(double seconds);

  bool ended() const { return child_ == 0; }
  pid_t process() const { return child_; }  // 0: ended
  int wait_status() const { return status_; }
  void send(int signal) const;
  void kill();  // it and all that it started

  // The output that may follow: a work unit's own share.
  void allow_output();

 private:
  void relay();
  void write_lines(bool all);
  bool collect(bool block);

  static constexpr std::size_t most_output_bytes = 16 << 20;

  Shared* shared_ = nullptr;
  pid_t child_ = 0;
  int status_ = 0;
  int requests_ = -1, wake_ = -1, output_ = -1, answers_ = -1;
  std::string unfinished_line_;
  std::size_t output_bytes_ = 0;
};

// Of the child: says something to the parent.
void say_to_parent(Shared& shared, int what, int exit_code = 0);

// Of the child: hands over bytes, which go with what it says next. False where there is no memory for them.
bool answer_parent(Shared& shared, const std::string& bytes);

// Of the parent that was asked to stop: tells the child, once; true when it has had its time, or was asked again.
bool asked_to_stop_for_too_long(std::optional<double>& stop_by, Apart& child);

// Carries out a command of one model in a child. A child that ends in the middle of it is an error that names the plugin.
ExitCode carry_out_apart(const std::function<ExitCode()>& command);

// What a command comes to, its error said on standard error.
int carry_out(const std::function<ExitCode()>& command);

}  // namespace espalier::worker
