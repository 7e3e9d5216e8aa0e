#include "runner/devices.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cells/fields/cell_fields.h"
#include "cells/vocabulary.h"
#include "child_process.h"
#include "runner/worker_program.h"

namespace espalier::runner {
namespace {

// LibTorch's CUDA from a cold disk, and a context on each GPU.
constexpr double check_patience_seconds = 180;

std::string cells_text(std::int64_t count, const char* verb, const char* verb_of_many) {
  return fmt::format("{} {} {}", count, count == 1 ? "cell" : "cells", count == 1 ? verb : verb_of_many);
}

std::string trimmed(const std::string& text) { return text.substr(0, text.find_last_not_of(" \n") + 1); }

std::vector<DeviceChoice> devices_in(const std::string& answer) {
  std::vector<DeviceChoice> devices;
  const auto document = nlohmann::json::parse(answer, nullptr, false);
  try {
    for (const auto& device : document.at("devices"))
      devices.push_back(device_from(device.at("device").get_ref<const std::string&>()));
  } catch (const nlohmann::json::exception&) {
    devices.clear();
  }
  return devices;
}

}  // namespace

int processor_count() {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  // A container sees every processor of its host but may use only its share; as many threads as the host has
  // processors would then mostly wait for each other.
  std::ifstream share("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (share >> quota >> period && quota != "max" && period > 0) {
    const double processors = std::atof(quota.c_str()) / period;
    if (processors > 0) count = std::clamp(static_cast<int>(std::ceil(processors)), 1, count);
  }
  return count;
}

std::vector<int> processors() {
  std::vector<int> numbers;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return numbers;
  for (int number = 0; number < CPU_SETSIZE; ++number) {
    if (CPU_ISSET(static_cast<unsigned>(number), &allowed)) numbers.push_back(number);
  }
  return numbers;
}

DeviceWords device_words(const std::string& given) {
  if (!given.empty()) return {given};
  const char* variable = std::getenv("ESPALIER_DEVICES");
  return {variable == nullptr || *variable == '\0' ? "cpu" : variable, "ESPALIER_DEVICES"};
}

std::vector<DeviceChoice> ready_devices(const std::string& text, const std::string& option) {
  const auto given = devices_from(text, option);
  if (given == std::vector<DeviceChoice>{{}}) return given;
  const auto worker = ready_worker();
  const auto printed =
      run_to_end({worker, {"devices", "--check", text, "--json"}, {{"OMP_NUM_THREADS", "1"}}}, check_patience_seconds);
  if (!printed) {
    throw SettingsError(
        fmt::format("{} {}: {} did not open them within {:.0f} s\n    look whether the GPU answers: "
                    "nvidia-smi",
                    option, text, worker.string(), check_patience_seconds));
  }
  if (!printed->ending.well()) {
    const auto said = trimmed(printed->error);
    if (printed->ending.exit_code == static_cast<int>(ExitCode::Usage) && !said.empty()) throw SettingsError(said);
    throw SettingsError(fmt::format("{} {}: the devices cannot be opened: {} {}{}", option, text, worker.string(),
                                    printed->ending.text(), said.empty() ? "" : "\n    " + said));
  }
  auto devices = devices_in(printed->out);
  if (devices.empty()) {
    throw SettingsError(worker.string() +
                        ": what it says of the devices cannot be understood\n    espalier and espalier-worker are of "
                        "different versions; build and install both together");
  }
  return devices;
}

std::string devices_in_words(const std::vector<DeviceChoice>& devices) {
  constexpr std::size_t named = 4;
  if (devices.empty() || devices.front().kind == DeviceKind::Cpu) return "";
  if (devices.size() > named) return fmt::format("{} GPUs", devices.size());
  std::string text;
  for (std::size_t i = 0; i < devices.size(); ++i)
    text += (i == 0 ? "" : i + 1 == devices.size() ? " and " : ", ") + to_string(devices[i]);
  return text;
}

std::int64_t workers_on(std::size_t device, std::size_t devices, std::int64_t workers) {
  const auto every = static_cast<std::int64_t>(devices);
  return workers / every + (static_cast<std::int64_t>(device) < workers % every ? 1 : 0);
}

DeviceNeeds device_needs(const grid::Cells& cells, const std::vector<bool>& done) {
  const auto tf32 = fmt::format("\"{}\"", to_string(ComputeType::Tf32));  // as it stands in the cell's JSON
  DeviceNeeds needs;
  const char* last_measure = nullptr;
  std::string timed_on;
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    if (!done.empty() && done[cell]) continue;
    if (cells.value(cell, "compute") == tf32) ++needs.tf32;
    // Cells of one grid share this text.
    if (const auto measure = cells.value(cell, "measure"); measure.data() != last_measure) {
      last_measure = measure.data();
      timed_on = plain_text(member(member(measure, "latency"), "device"));
    }
    if (timed_on == to_string(LatencyDevice::Cpu)) ++needs.timed_on_cpu;
    if (timed_on == to_string(LatencyDevice::Cuda)) ++needs.timed_on_gpu;
  }
  return needs;
}

std::string refusal(const DeviceNeeds& needs, DeviceKind kind) {
  const bool is_cpu = kind == DeviceKind::Cpu;
  if (is_cpu && needs.tf32 > 0) {
    return cells_text(needs.tf32, "computes", "compute") +
           " in tf32, which a CPU does not have\n    run on a GPU with --devices cuda, or leave them out with --only "
           "compute=..., naming the others";
  }
  const auto timed = is_cpu ? needs.timed_on_gpu : needs.timed_on_cpu;
  if (timed == 0) return "";
  return fmt::format(
      "{} timed on {}, as [measure] latency says, and the run computes on {}\n    run them with --devices "
      "{}, or take 'device' out of [measure] latency, which then times whatever computes",
      cells_text(timed, "is", "are"), is_cpu ? "cuda" : "cpu", to_string(kind), is_cpu ? "cuda" : "cpu");
}

std::vector<std::string> notes_of(const DeviceNeeds& needs) {
  std::vector<std::string> notes;
  if (needs.tf32 > 0) {
    notes.push_back(cells_text(needs.tf32, "needs", "need") + " a GPU, for tf32: espalier run --devices cuda");
  }
  if (needs.timed_on_gpu > 0)
    notes.push_back(cells_text(needs.timed_on_gpu, "is", "are") + " timed on a GPU: espalier run --devices cuda");
  if (needs.timed_on_cpu > 0)
    notes.push_back(cells_text(needs.timed_on_cpu, "is", "are") + " timed on the CPU: espalier run --devices cpu");
  return notes;
}

}  // namespace espalier::runner
