#include "engine/environment.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <espalier/plugin.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "words/version.h"

namespace espalier::engine {
namespace {

std::string processor_name() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void note_device(nlohmann::json& made_from, const nn::Device& device) {
  if (!device.is_cpu()) made_from["device"] = device.kind();
}

nlohmann::json environment_json(const std::vector<std::string>& command_line, const nn::Device& device) {
  utsname machine{};
  uname(&machine);
  const auto& context = at::globalContext();
  constexpr const char* precisions[] = {"highest", "high", "medium"};
  nlohmann::json environment = {
      {"espalier", version()},
      {"commit", commit()},
      {"results_version", results_version},
      {"build", ESPALIER_BUILD},
      {"torch", TORCH_VERSION},
      {"device", device.text()},
      {"processor", processor_name()},
      {"cpu_capability", at::get_cpu_capability()},
      {"threads", at::get_num_threads()},
      {"omp_wait_policy", variable("OMP_WAIT_POLICY")},
      {"deterministic_algorithms", context.deterministicAlgorithms()},
      {"float32_matmul_precision", precisions[static_cast<int>(context.float32MatmulPrecision())]},
      {"command_line", command_line},
      {"host", machine.nodename},
      {"system", std::string(machine.sysname) + " " + machine.release + " " + machine.machine}};
  if (device.is_cpu()) return environment;
  const auto gpu = nn::record_of(device);
  environment["device_name"] = gpu.name;
  environment["device_memory_bytes"] = gpu.memory_bytes;
  environment["device_share_bytes"] = device.memory_bytes;
  environment["driver"] = gpu.driver;
  environment["cuda"] = gpu.cuda;
  environment["compute_capability"] = gpu.capability;
  environment["tf32_convolutions"] = context.allowTF32CuDNN();
  return environment;
}

std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace espalier::engine
