#include "runner/worker_program.h"

#include <espalier/error.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "child_process.h"
#include "words/names.h"

namespace espalier::runner {
namespace fs = std::filesystem;

namespace {

constexpr double start_patience_seconds = 120;

// What the system's loader does not find of the libraries that a program needs. The loader lists them and starts nothing.
std::vector<std::string> missing_libraries(const fs::path& program) {
  const auto listed = run_to_end({program, {}, {{"LD_TRACE_LOADED_OBJECTS", "1"}}}, start_patience_seconds);
  std::vector<std::string> missing;
  std::istringstream lines(listed ? listed->out : std::string());
  for (std::string line; std::getline(lines, line);) {
    const auto arrow = line.find(" => not found");
    const auto begin = line.find_first_not_of(" \t");
    if (arrow == std::string::npos || begin >= arrow) continue;
    const auto name = line.substr(begin, arrow - begin);
    if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(name);
  }
  return missing;
}

bool is_of_torch(const std::string& library) {
  return library.starts_with("libtorch") || library.starts_with("libc10");
}

constexpr const char* what_torch_is_needed =
    "\n    this Espalier was built with LibTorch " ESPALIER_TORCH_VERSION " in " ESPALIER_TORCH_LIB_DIR
    "\n    set TORCH_ROOT to a folder that holds the same version's lib/ (a torch wheel's folder 'torch' does), or "
    "copy "
    "the\n    libraries in that lib/ to ";

[[noreturn]] void refuse(const fs::path& worker, const std::vector<std::string>& missing) {
  const auto lib = (worker.parent_path().parent_path() / "lib").string();
  if (std::none_of(missing.begin(), missing.end(), is_of_torch)) {
    throw SettingsError(worker.string() + ": cannot start: libraries that it needs are not found: " + join(missing) +
                        "\n    install the packages that hold them, or copy them to " + lib);
  }
  throw SettingsError(worker.string() + ": cannot start: LibTorch is not found (" + join(missing) + ")" +
                      what_torch_is_needed + lib);
}

// Whether it starts with the LibTorch of $TORCH_ROOT, which may be of another version.
void try_start(const fs::path& worker, const std::string& root) {
  const auto printed = run_to_end({worker, {"--version"}, {{"LD_BIND_NOW", "1"}}}, start_patience_seconds);
  if (printed && printed->ending.well()) return;
  const auto first_line = printed ? printed->error.substr(0, printed->error.find('\n')) : std::string("it hangs");
  throw SettingsError(worker.string() + ": cannot start with the LibTorch in TORCH_ROOT=" + root + ": " + first_line +
                      what_torch_is_needed + (worker.parent_path().parent_path() / "lib").string());
}

}  // namespace

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

fs::path ready_worker() {
  const auto worker = worker_program();
  const auto missing = missing_libraries(worker);
  if (missing.empty()) return worker;
  const char* root = std::getenv("TORCH_ROOT");
  if (root == nullptr || *root == '\0' || std::none_of(missing.begin(), missing.end(), is_of_torch))
    refuse(worker, missing);
  const char* others = std::getenv("LD_LIBRARY_PATH");
  const auto folder = (fs::absolute(root) / "lib").string();
  ::setenv("LD_LIBRARY_PATH", others == nullptr || *others == '\0' ? folder.c_str() : (folder + ":" + others).c_str(),
           1);
  if (const auto still = missing_libraries(worker); !still.empty()) refuse(worker, still);
  try_start(worker, root);
  return worker;
}

void hand_over(const std::vector<std::string>& arguments) {
  const fs::path worker = ready_worker();
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
