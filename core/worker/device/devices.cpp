// espalier devices: the CPU and the GPUs that answer; whether devices that a run names can be opened.
#include "device/devices.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "commands.h"

namespace espalier::worker {
namespace {

struct DevicesWords {
  std::string check;
  bool json = false;
};

std::string gigabytes(std::int64_t bytes) { return fmt::format("{:.0f} GB", static_cast<double>(bytes) / 1e9); }

// "all": each GPU that answers. Where there is none the first is asked for, which says why.
std::vector<DeviceChoice> named_devices(const std::string& text) {
  auto devices = devices_from(text);
  const auto gpus = devices.empty() ? nn::visible_gpus().size() : 0;
  for (std::size_t gpu = 0; gpu < gpus; ++gpu) devices.push_back({DeviceKind::Cuda, static_cast<std::int64_t>(gpu)});
  if (devices.empty()) devices.push_back({DeviceKind::Cuda});
  return devices;
}

nlohmann::json opened(const std::vector<DeviceChoice>& devices) {
  auto list = nlohmann::json::array();
  for (const auto& choice : devices) {
    const auto device = nn::open_device(choice);
    list.push_back({{"device", device.text()}, {"name", device.name}});
  }
  return {{"devices", std::move(list)}};
}

// What opening one says, which ends before anything of CUDA is loaded.
std::string why_no_gpu() {
  try {
    nn::open_device({DeviceKind::Cuda});
    return "";
  } catch (const SettingsError& error) {
    const std::string said = error.what(), option = "--device cuda:0: ";
    const auto sentence = said.substr(0, said.find('\n'));
    return sentence.starts_with(option) ? sentence.substr(option.size()) : sentence;
  }
}

nlohmann::json known_devices() {
  nlohmann::json document;
  auto& list = document["devices"];
  list.push_back({{"device", "cpu"}, {"threads", at::get_num_threads()}});
  const auto gpus = nn::visible_gpus();
  for (std::size_t gpu = 0; gpu < gpus.size(); ++gpu) {
    list.push_back({{"device", to_string(DeviceChoice{DeviceKind::Cuda, static_cast<std::int64_t>(gpu)})},
                    {"name", gpus[gpu].name},
                    {"memory_bytes", gpus[gpu].memory_bytes},
                    {"capability", gpus[gpu].capability},
                    {"driver", gpus[gpu].driver}});
  }
  document["no_gpu"] = gpus.empty() ? why_no_gpu() : std::string();
  return document;
}

void print(const nlohmann::json& document) {
  for (const auto& device : document.value("devices", nlohmann::json::array())) {
    std::string says;
    if (device.contains("threads")) {
      const auto threads = device["threads"].get<std::int64_t>();
      says = fmt::format("{} {}", threads, threads == 1 ? "thread" : "threads");
    } else {
      says = device.value("name", "");
      if (device.contains("memory_bytes")) {
        says += fmt::format(", {}, compute capability {}, driver {}", gigabytes(device["memory_bytes"]),
                            device.value("capability", ""), device.value("driver", ""));
      }
    }
    std::printf("%s\n", fmt::format("{:<8} {}", device["device"].get<std::string>(), says).c_str());
  }
  if (const auto why = document.value("no_gpu", std::string()); !why.empty()) std::printf("%s\n", why.c_str());
}

ExitCode list_devices(const DevicesWords& words) {
  const auto document = words.check.empty() ? known_devices() : opened(named_devices(words.check));
  if (words.json) {
    std::puts(document.dump(2).c_str());
  } else {
    print(document);
  }
  return ExitCode::Done;
}

}  // namespace

DeviceChoice device_of_words(const std::string& given) {
  if (!given.empty()) return device_from(given);
  const char* variable = std::getenv("ESPALIER_DEVICE");
  return variable == nullptr || *variable == '\0' ? DeviceChoice{} : device_from(variable, "ESPALIER_DEVICE");
}

std::string out_of_memory(const nn::Device& device) {
  const auto bytes = device.is_cpu() ? 0 : nn::record_of(device).memory_bytes;
  return fmt::format(
      "the memory of {} ({}{}) does not suffice for one example\n    free it (nvidia-smi says who has it), or "
      "use --device cpu",
      device.text(), device.name, bytes > 0 ? ", " + gigabytes(bytes) : "");
}

bool is_out_of_memory_on_the_cpu(const std::string& said) {
  return said.find("can't allocate memory") != std::string::npos || said.find("not enough memory") != std::string::npos;
}

bool is_failure_of_the_device(const std::string& said) {
  constexpr const char* words[] = {"CUDA error",  "CUDA driver error", "CUBLAS_STATUS_",
                                   "cuDNN error", "CUDNN_STATUS_",     "NVML_SUCCESS"};
  return std::any_of(std::begin(words), std::end(words),
                     [&](const char* word) { return said.find(word) != std::string::npos; });
}

Deed add_devices(CLI::App& app) {
  const auto words = std::make_shared<DevicesWords>();
  app.add_option("--check", words->check, "Open these, as run --devices names them, and say what they stand for")
      ->type_name("NAME,...");
  app.add_flag("--json", words->json, "For machines");
  return [words](const Given&) { return list_devices(*words); };
}

}  // namespace espalier::worker
