#include "child_process.h"

#include <espalier/error.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <csignal>
#include <system_error>
#include <utility>

#include "words/process_ending.h"

namespace espalier::runner {
namespace process = boost::process;

struct ChildProcess::State {
  process::child child;
  std::optional<Ending> ending;
};

ChildProcess::ChildProcess(const Start& start) : state_(std::make_unique<State>()) {
  auto environment = boost::this_process::environment();
  process::environment variables(environment);
  for (const auto& [name, value] : start.environment) variables[name] = value;
  std::error_code error;
  const pid_t parent = ::getpid();
  cpu_set_t own;
  CPU_ZERO(&own);
  for (const int processor : start.processors) CPU_SET(static_cast<unsigned>(processor), &own);
  const bool has_own = !start.processors.empty();
  const auto before_exec = [parent, own, has_own](auto&) {
    // What this program blocks or ignores would be inherited, and the child would not hear us.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (has_own) ::sched_setaffinity(0, sizeof own, &own);
    if (::getppid() != parent) ::_exit(1);  // it died before it could be told
  };
  state_->child = process::child(process::exe = start.program.string(), process::args = start.arguments, variables,
                                 process::std_in<process::null, process::std_out> start.out,
                                 process::std_err > start.error, error, process::extend::on_exec_setup = before_exec);
  if (error) {
    throw SettingsError(start.program.string() + ": cannot be started: " + error.message());
  }
}

ChildProcess::~ChildProcess() {
  if (!state_ || !state_->child.valid()) return;
  try {
    if (!ending()) {
      send(SIGKILL);
      std::error_code ignored;
      state_->child.wait(ignored);
    }
  } catch (...) {  // a destructor does not throw; the child has its SIGKILL
  }
}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&&) noexcept = default;

int ChildProcess::id() const { return state_->child.id(); }

std::optional<Ending> ChildProcess::ending() {
  if (state_->ending) return state_->ending;
  std::error_code error;
  if (state_->child.running(error)) return std::nullopt;
  const int status = state_->child.native_exit_code();
  Ending ending;
  if (WIFSIGNALED(status)) {
    ending.signal = WTERMSIG(status);
  } else {
    ending.exit_code = WEXITSTATUS(status);
  }
  state_->ending = ending;
  return ending;
}

void ChildProcess::send(int signal) {
  // Once it has been waited for, its number may belong to another process.
  if (!ending()) ::kill(id(), signal);
}

ListenedProcess::File ListenedProcess::temporary_file() {
  File file(std::tmpfile(), std::fclose);
  if (!file) throw StoreError("no temporary file can be made; is the disk full, or the folder for them read-only?");
  return file;
}

std::string ListenedProcess::content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, got);
  return text;
}

ListenedProcess::ListenedProcess(ChildProcess::Start start)
    : child_((start.out = out_.get(), start.error = error_.get(), start)) {}

std::optional<Printed> ListenedProcess::ended() {
  const auto ending = child_.ending();
  if (!ending) return std::nullopt;
  return Printed{*ending, content(out_.get()), content(error_.get())};
}

std::optional<Printed> run_to_end(ChildProcess::Start start, double seconds) {
  ListenedProcess child(std::move(start));
  for (double waited = 0; waited <= seconds; waited += 0.002) {
    if (auto printed = child.ended()) return printed;
    ::usleep(2000);
  }
  child.send(SIGKILL);
  return std::nullopt;
}

std::string Ending::text() const { return ending_in_words(exit_code << 8 | signal); }

}  // namespace espalier::runner
