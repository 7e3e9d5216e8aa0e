#include "energy.h"

#include <dlfcn.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <vector>

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  if (!(stream >> number)) return std::nullopt;
  return number;
}

std::string line_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// One counter of microjoules that begins anew behind its range.
struct Zone {
  fs::path folder;
  std::uint64_t range = 0, last = 0;
};

class RaplMeter final : public EnergyMeter {
 public:
  RaplMeter(std::vector<Zone> zones, std::string source) : zones_(std::move(zones)), source_(std::move(source)) {}
  std::string source() const override { return source_; }
  double least_seconds() const override { return 0.3; }  // steps of about a millisecond
  double joules() override {
    for (auto& zone : zones_) {
      const auto now = number_in(zone.folder / "energy_uj");
      if (!now) throw InputError((zone.folder / "energy_uj").string() + ": the energy counter cannot be read any more");
      microjoules_ += *now >= zone.last ? *now - zone.last : *now + zone.range - zone.last;
      zone.last = *now;
    }
    return static_cast<double>(microjoules_) * 1e-6;
  }

 private:
  std::vector<Zone> zones_;
  std::string source_;
  std::uint64_t microjoules_ = 0;
};

// Packages, and the memory beside them; cores and graphics are part of their package, and the whole platform of nothing.
bool counts(const std::string& name) { return name.starts_with("package") || name == "dram"; }

// A library that stays loaded while this lives.
class Library {
 public:
  explicit Library(const std::string& name) : handle_(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  ~Library() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  // Null where the library or the function is not there.
  template <typename Function>
  Function* function(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

 private:
  void* handle_;
};

// As NVIDIA documents them: 0 is success, a device is a pointer, energy is in millijoules since the driver was loaded.
using Start = int();
using FindDevice = int(const char* pci_bus_id, void** device);
using ReadEnergy = int(void* device, unsigned long long* millijoules);

class NvmlMeter final : public EnergyMeter {
 public:
  explicit NvmlMeter(const std::string& library) : library_(library) {}
  bool open(const std::string& pci_bus_id) {
    const auto start = library_.function<Start>("nvmlInit_v2");
    const auto find = library_.function<FindDevice>("nvmlDeviceGetHandleByPciBusId_v2");
    read_ = library_.function<ReadEnergy>("nvmlDeviceGetTotalEnergyConsumption");
    return start != nullptr && find != nullptr && read_ != nullptr && start() == 0 &&
           find(pci_bus_id.c_str(), &device_) == 0 && read_(device_, &first_) == 0;
  }
  std::string source() const override { return "NVML"; }
  double least_seconds() const override { return 2; }  // steps of up to a tenth of a second
  double joules() override {
    unsigned long long now = 0;
    if (read_(device_, &now) != 0) throw InputError("NVML: the energy counter of the GPU cannot be read any more");
    return static_cast<double>(now - first_) * 1e-3;
  }

 private:
  Library library_;
  ReadEnergy* read_ = nullptr;
  void* device_ = nullptr;
  unsigned long long first_ = 0;
};

// As the driver names the device that this process calls by that number; empty where it does not say.
std::string pci_bus_id_of(const at::Device& place) {
  using Get = int(int* device, int number);
  using Name = int(char* text, int length, int device);
  const Library driver("libcuda.so.1");
  const auto get = driver.function<Get>("cuDeviceGet");
  const auto name = driver.function<Name>("cuDeviceGetPCIBusId");
  int device = 0;
  char text[64] = "";
  const int number = place.has_index() ? place.index() : 0;
  if (get == nullptr || name == nullptr || get(&device, number) != 0 || name(text, sizeof text, device) != 0) return {};
  return text;
}

}  // namespace

std::unique_ptr<EnergyMeter> rapl_meter(const fs::path& folder) {
  std::vector<Zone> zones;
  std::set<std::string> names;
  std::error_code fault;
  for (const auto& entry : fs::directory_iterator(folder, fault)) {
    if (!entry.path().filename().string().starts_with("intel-rapl:")) continue;
    const auto name = line_in(entry.path() / "name");
    if (!counts(name)) continue;
    const auto now = number_in(entry.path() / "energy_uj"), range = number_in(entry.path() / "max_energy_range_uj");
    if (!now || !range) return nullptr;  // a part of the sum would pass for all of it
    zones.push_back({entry.path(), *range, *now});
    names.insert(name);
  }
  if (zones.empty()) return nullptr;
  std::string source = "RAPL";
  for (const auto& name : names) source += (source == "RAPL" ? " " : ", ") + name;
  return std::make_unique<RaplMeter>(std::move(zones), std::move(source));
}

std::unique_ptr<EnergyMeter> nvml_meter(const std::string& pci_bus_id, const std::string& library) {
  auto meter = std::make_unique<NvmlMeter>(library);
  if (pci_bus_id.empty() || !meter->open(pci_bus_id)) return nullptr;
  return meter;
}

std::unique_ptr<EnergyMeter> energy_meter(const nn::Device& device) {
  if (device.is_cpu()) return rapl_meter();
  return device.place.is_cuda() ? nvml_meter(pci_bus_id_of(device.place)) : nullptr;
}

}  // namespace espalier::engine
