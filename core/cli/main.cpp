// The program espalier: plans, watches and reports. What computes is espalier-worker.
#include <espalier/error.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <new>

#include "command_line.h"
#include "output.h"

namespace {

using espalier::ExitCode;

int code(ExitCode exit_code) { return static_cast<int>(exit_code); }

int failed(ExitCode exit_code, const std::string& message) {
  espalier::cli::say(message);
  return code(exit_code);
}

int answer(int count, char** words) {
  if (count > 1 && espalier::cli::is_handed_over(words[1])) espalier::cli::hand_over(count, words);
  // A reader that goes away, as `head` does, must not end a run in the middle of a grid.
  std::signal(SIGPIPE, SIG_IGN);
  const auto command = espalier::cli::read_command_line(count, words);
  const auto exit_code = command ? (*command)() : ExitCode::Done;
  espalier::cli::finish_printing();
  return code(exit_code);
}

}  // namespace

int main(int count, char** words) {
  try {
    return answer(count, words);
  } catch (const espalier::Error& error) {
    return failed(error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return failed(ExitCode::Input, "memory ran out\n    a smaller grid, or --only, needs less");
  } catch (const std::filesystem::filesystem_error& error) {
    return failed(ExitCode::Store, error.path1().string() + ": " + error.code().message());
  } catch (const std::exception& error) {
    return failed(ExitCode::Store, std::string("espalier stopped at a mistake of its own: ") + error.what() +
                                       "\n    please report it with the command that led to it");
  }
}
