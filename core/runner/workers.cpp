#include "workers.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <utility>

#include "runner/devices.h"
#include "store/worker_name.h"

namespace espalier::runner {
namespace {

// OpenMP reads its settings when it is loaded, so they are in place before exec. Spinning threads make a busy machine
// many times slower, hence passive waiting, unless the user says otherwise.
std::map<std::string, std::string> thread_environment(int threads) {
  std::map<std::string, std::string> environment{{"OMP_NUM_THREADS", std::to_string(threads)},
                                                 {"MKL_NUM_THREADS", std::to_string(threads)}};
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) environment["OMP_WAIT_POLICY"] = "passive";
  return environment;
}

// Those of this program's processors that are a worker's.
std::vector<int> processors_of(std::size_t place, int threads) {
  const auto all = processors();
  const auto begin = std::min(place * static_cast<std::size_t>(threads), all.size());
  const auto end = std::min(begin + static_cast<std::size_t>(threads), all.size());
  return {all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

Workers::Workers(WorkerCommand command)
    : command_(std::move(command)),
      log_(std::fopen(command_.log.c_str(), "ae")),
      left_out_(command_.devices.size(), false) {
  if (!log_) {
    throw StoreError(command_.log.string() + ": the workers' log cannot be written: " +
                     std::error_code(errno, std::generic_category()).message());
  }
}

Workers::~Workers() {
  send_to_all(SIGTERM);
  constexpr int patience_milliseconds = 10'000;
  for (int waited = 0; waited < patience_milliseconds; waited += 10) {
    collect_ended();
    if (running_.empty()) return;
    ::usleep(10'000);
  }
}

std::size_t Workers::emptiest_device() const {
  std::vector<std::int64_t> workers(command_.devices.size());
  for (const auto& worker : running_) ++workers[worker.device];
  for (std::size_t device = 0; device < workers.size(); ++device) {
    if (left_out_[device]) workers[device] = std::numeric_limits<std::int64_t>::max();
  }
  return static_cast<std::size_t>(std::min_element(workers.begin(), workers.end()) - workers.begin());
}

std::size_t Workers::free_place() const {
  std::size_t place = 0;
  while (std::any_of(running_.begin(), running_.end(), [&](const Worker& worker) { return worker.place == place; }))
    ++place;
  return place;
}

bool Workers::has_devices() const { return std::count(left_out_.begin(), left_out_.end(), false) > 0; }

void Workers::start(std::int64_t finished) {
  const auto device = emptiest_device();
  ChildProcess::Start start{
      command_.program,
      {"cells", "--db", command_.database.string(), "--experiment", command_.experiment, "--threads",
       std::to_string(command_.threads), "--device", to_string(command_.devices[device])},
      thread_environment(command_.threads),
      log_.get(),
      log_.get()};
  for (const auto& path : command_.plugins) start.arguments.insert(start.arguments.end(), {"--plugins", path});
  if (command_.devices[device].kind != DeviceKind::Cpu) {
    const auto sharing = workers_on(device, command_.devices.size(), command_.workers);
    start.arguments.insert(start.arguments.end(), {"--device-workers", std::to_string(sharing)});
  }
  const auto& limits = command_.limits;
  if (limits.timeout_seconds)
    start.arguments.insert(start.arguments.end(), {"--cell-timeout", fmt::format("{}", *limits.timeout_seconds)});
  if (limits.memory_bytes)
    start.arguments.insert(start.arguments.end(), {"--cell-memory", std::to_string(*limits.memory_bytes)});
  start.arguments.insert(start.arguments.end(), {"--attempts", std::to_string(limits.attempts)});
  if (command_.fail_fast) start.arguments.emplace_back("--fail-fast");
  const auto place = free_place();
  if (command_.on_their_own_processors) start.processors = processors_of(place, command_.threads);
  ChildProcess process(start);
  // The name needs the start time of the process, which is there until it has been waited for, even if it died at once.
  auto name = store::worker_name(process.id());
  running_.push_back({std::move(process), std::move(name), finished, device, place});
}

std::vector<EndedWorker> Workers::collect_ended() {
  std::vector<EndedWorker> ended;
  std::vector<Worker> still;
  for (auto& worker : running_) {
    if (const auto ending = worker.process.ending()) {
      ended.push_back({worker.name, *ending, worker.finished_at_start, ""});
      if (ending->exit_code != exit_code_of_a_failing_device) continue;
      left_out_[worker.device] = true;
      ended.back().left_its_device =
          fmt::format("{} is left out: attempts in a row failed on it for reasons that are no cell's",
                      to_string(command_.devices[worker.device]));
    } else {
      still.push_back(std::move(worker));
    }
  }
  running_ = std::move(still);
  return ended;
}

void Workers::stop(SignalWatch& signals) {
  send_to_all(SIGTERM);
  const auto asked = std::chrono::steady_clock::now();
  const auto is_over = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count() >
           patience_when_stopping_seconds;
  };
  for (bool killed = false; collect_ended(), !running_.empty();) {
    const bool signalled = signals.wait(0.05) == SignalWatch::Event::Stop;
    if (killed || !(signalled || is_over())) continue;
    send_to_all(SIGKILL);
    killed = true;
  }
}

void Workers::send_to_all(int signal) {
  for (auto& worker : running_) worker.process.send(signal);
}

void throw_as_worker(const Ending& ending, const std::string& message) {
  switch (ending.exit_code) {
    case static_cast<int>(ExitCode::Usage): throw SettingsError(message);
    case static_cast<int>(ExitCode::Store): throw StoreError(message);
    case static_cast<int>(ExitCode::Input): throw InputError(message);
    default: throw PluginError(message);
  }
}

}  // namespace espalier::runner
