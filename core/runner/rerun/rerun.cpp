#include "runner/rerun/rerun.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "child_process.h"
#include "log_tail.h"
#include "progress_line.h"
#include "runner/devices.h"
#include "runner/worker_program.h"
#include "signals.h"
#include "store/result_store.h"
#include "words/digest.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

constexpr const char* name = "rerun";

const Attempt& last_attempt(const store::CellRecord& cell, const fs::path& database) {
  if (cell.state != "done" || cell.attempts.empty()) {
    throw StoreError(
        fmt::format("{}: cell {} is {}, and only a done one has something to compare with\n    espalier run "
                    "computes it",
                    database.string(), cell.key.substr(0, 12), cell.state));
  }
  return cell.attempts.back();
}

// Base models that are kept; where none are, the cell's is made for this once.
void share_base_models(const fs::path& cache) {
  const auto shared = fs::absolute(cache_folder()) / "base_models";
  std::error_code failed;
  if (fs::is_directory(shared, failed)) fs::create_directory_symlink(shared, cache / "base_models", failed);
}

// Runs the worker to its end, with its log in a file and its stage on stderr. A signal is passed on, and noted.
Ending watched(ChildProcess::Start start, const fs::path& log, LogTail& tail, Rerun& result) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(std::fopen(log.c_str(), "ae"), std::fclose);
  if (!output) throw StoreError(log.string() + ": cannot be written");
  start.out = start.error = output.get();
  ProgressLine progress(stderr, ::isatty(STDERR_FILENO) == 1,
                        fmt::format("again: cell {}", result.before.key.substr(0, 12)));
  const auto began = std::chrono::steady_clock::now();
  SignalWatch signals;
  ChildProcess worker(start);
  std::string stage;
  std::optional<Ending> ending;
  while (!(ending = worker.ending())) {
    for (const auto& line : tail.new_lines()) {
      if (line.kind == LogLine::Kind::Stage) stage = line.text;
    }
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    progress.update({1, 0, 0, stage}, seconds);
    if (signals.wait(0.1) != SignalWatch::Event::Stop) continue;
    worker.send(result.interrupted ? SIGKILL : SIGTERM);
    result.interrupted = true;
  }
  progress.end();
  return *ending;
}

}  // namespace

int threads_of(const Attempt& attempt) {
  const auto& environment = attempt.environment;
  if (!environment.is_object() || !environment.contains("threads") || !environment["threads"].is_number_integer())
    return 0;
  return static_cast<int>(std::clamp<std::int64_t>(environment["threads"].get<std::int64_t>(), 0, 4096));
}

Reruns::Reruns(RerunOptions options)
    : options_(std::move(options)), folder_(std::make_unique<OwnFolder>(local_folder(), "rerun")) {}

Reruns::~Reruns() = default;

Rerun Reruns::rerun(const std::string& key) {
  Rerun result;
  {
    const store::ResultStore store(options_.database, store::Mode::ReadOnly);
    result.before = store.read(key);
  }
  const auto& then = last_attempt(result.before, options_.database);
  const auto threads = options_.threads > 0 ? options_.threads : std::max(threads_of(then), 1);
  const auto device = options_.device       ? *options_.device
                      : then.device.empty() ? DeviceChoice{}
                                            : device_from(then.device, "the cell");
  std::error_code ignored;
  for (const auto& old : fs::directory_iterator(folder_->path())) fs::remove_all(old.path(), ignored);
  result.cache_before = cache_folder();
  result.cache_now = folder_->path() / "cache";
  fs::create_directories(result.cache_now);
  if (!options_.trains_again) share_base_models(result.cache_now);
  const auto database = folder_->path() / "rerun.db", log = folder_->path() / "rerun.log";
  {
    store::ResultStore store(database, store::Mode::Create);
    store.insert({name, "", name, ""}, {{result.before.key, json_text(result.before.settings)}}, false);
  }
  std::ofstream(log).flush();
  ChildProcess::Start start{ready_worker(),
                            {"cells", "--db", database.string(), "--experiment", name, "--threads",
                             std::to_string(threads), "--device", to_string(device)},
                            {{"OMP_NUM_THREADS", std::to_string(threads)},
                             {"MKL_NUM_THREADS", std::to_string(threads)},
                             {"OMP_WAIT_POLICY", "passive"},
                             {"ESPALIER_CACHE", result.cache_now.string()}}};
  for (const auto& path : options_.plugins) start.arguments.insert(start.arguments.end(), {"--plugins", path});
  LogTail tail(log);
  const auto ending = watched(std::move(start), log, tail, result);
  if (result.interrupted) return result;
  {
    const store::ResultStore store(database, store::Mode::ReadOnly);
    result.now = store.read(result.before.key);
  }
  if (result.now.state == "done" || result.now.state == "failed") return result;
  std::string words;
  for (const auto& line : tail.last_lines(8)) words += "\n    " + line;
  throw PluginError(fmt::format("the worker {} before it had computed the cell again{}", ending.text(), words));
}

}  // namespace espalier::runner
