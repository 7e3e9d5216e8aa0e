#include "gpu_driver.h"

#include <dlfcn.h>

#include <array>

namespace espalier::nn {
namespace {

// Functions of the driver's stable C interface return 0 when all is well.
template <typename... Arguments>
struct Call {
  int (*function)(Arguments...) = nullptr;
  Call(void* library, const char* name)
      : function(library == nullptr ? nullptr : reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name))) {}
  bool operator()(Arguments... arguments) const { return function != nullptr && function(arguments...) == 0; }
};

// "580.159.04", of NVIDIA's management library; empty where it is not there.
std::string driver_version() {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  const Call<> start(library, "nvmlInit_v2"), stop(library, "nvmlShutdown");
  const Call<char*, unsigned> ask(library, "nvmlSystemGetDriverVersion");
  std::array<char, 96> version{};
  if (!start()) return {};
  const bool told = ask(version.data(), static_cast<unsigned>(version.size()));
  stop();
  return told ? version.data() : "";
}

constexpr int major_capability = 75, minor_capability = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*

}  // namespace

GpuDriver::GpuDriver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why_not_ = "the driver's library libcuda.so.1 is not here";
    return;
  }
  const Call<unsigned> start(library, "cuInit");
  const Call<int*> count(library, "cuDeviceGetCount");
  const Call<int*, int> get(library, "cuDeviceGet");
  const Call<char*, int, int> name_of(library, "cuDeviceGetName");
  const Call<std::size_t*, int> memory_of(library, "cuDeviceTotalMem_v2");
  const Call<int*, int, int> attribute_of(library, "cuDeviceGetAttribute");
  int gpus = 0;
  if (!start(0) || !count(&gpus) || gpus == 0) {
    why_not_ = "the driver is here, and shows no GPU (CUDA_VISIBLE_DEVICES may hide them)";
    return;
  }
  version_ = driver_version();
  for (int number = 0; number < gpus; ++number) {
    DeviceRecord gpu;
    gpu.driver = version_;
    std::array<char, 256> name{};
    std::size_t bytes = 0;
    int device = 0, major = 0, minor = 0;
    if (get(&device, number)) {
      if (name_of(name.data(), static_cast<int>(name.size()), device)) gpu.name = name.data();
      if (memory_of(&bytes, device)) gpu.memory_bytes = static_cast<std::int64_t>(bytes);
      if (attribute_of(&major, major_capability, device) && attribute_of(&minor, minor_capability, device))
        gpu.capability = std::to_string(major) + '.' + std::to_string(minor);
    }
    gpus_.push_back(std::move(gpu));
  }
}

}  // namespace espalier::nn
