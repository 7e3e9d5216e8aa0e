#include "runner/worker_program.h"

#include <espalier/error.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace espalier::runner {
namespace fs = std::filesystem;

fs::path worker_program() {
  const char* given = std::getenv("ESPALIER_WORKER");
  const bool overridden = given != nullptr && *given != '\0';
  std::error_code error;
  const fs::path worker =
      overridden ? fs::path(given) : fs::read_symlink("/proc/self/exe", error).parent_path() / "espalier-worker";
  if (error || ::access(worker.c_str(), X_OK) != 0) {
    throw SettingsError(worker.string() + ": the program that computes is not there\n" +
                        (overridden ? "    ESPALIER_WORKER names it; unset it to use the one beside espalier"
                                    : "    it is built and installed together with espalier, in the same folder"));
  }
  return worker;
}

void hand_over(const std::vector<std::string>& arguments) {
  const fs::path worker = worker_program();
  std::string name = worker.string();
  std::vector<char*> words{name.data()};
  auto kept = arguments;
  for (auto& argument : kept) words.push_back(argument.data());
  words.push_back(nullptr);
  ::execv(name.c_str(), words.data());
  throw SettingsError(worker.string() +
                      ": cannot be started: " + std::error_code(errno, std::generic_category()).message());
}

}  // namespace espalier::runner
