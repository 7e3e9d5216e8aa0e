#include "nn/device.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <espalier/error.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "gpu_driver.h"

namespace espalier::nn {
namespace {

// Pieces of a CPU are what its cache holds. A GPU's are what fills it: 65,536 tokens of a BERT-base in float32 take 800 MB
// between two layers. One more group of heads costs a CPU about 25 microseconds for 400 tokens, and a GPU a launch. Attention over
// heads of odd widths is slow on both: eights fill a CPU's registers (results/measured/head-groups.md).
constexpr DeviceFacts cpu_facts{.piece_tokens = 1024,
                                .scoring_examples = 64,
                                .scoring_padding = 0,
                                .speech_examples = 32,
                                .width_multiple = 8,
                                .group_overhead = 2000,
                                .packed_attention = false,
                                .half_stream = false};
constexpr DeviceFacts gpu_facts{.piece_tokens = 65536,
                                .scoring_examples = 256,
                                .scoring_padding = 4096,
                                .speech_examples = 256,
                                .width_multiple = 8,
                                .group_overhead = 2000,
                                .packed_attention = true,
                                .half_stream = true};

// Of what is free at the start: the rest is for kernels, contexts and whoever else computes there.
constexpr double share_of_free_memory = 0.8;

std::atomic<std::int64_t> shortages{0};

at::DeviceType type_of(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::Cpu: return at::kCPU;
    case DeviceKind::Cuda: return at::kCUDA;
    case DeviceKind::Fake: return at::kPrivateUse1;
  }
  return at::kCPU;
}

// Empty where it was loaded; else why not.
std::string load(const std::string& library) {
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return {};
  return dlerror();
}

std::filesystem::path beside_libtorch(const std::string& library) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) == 0) return library;
  return std::filesystem::path(info.dli_fname).parent_path() / library;
}

Device open_fake() {
  const char* library = std::getenv("ESPALIER_FAKE_DEVICE");
  if (library == nullptr || *library == '\0') {
    throw SettingsError(
        "--device fake: ESPALIER_FAKE_DEVICE names no library\n    it is for tests; expected cpu, cuda, cuda:N or "
        "auto");
  }
  if (const auto why = load(library); !why.empty()) throw SettingsError("ESPALIER_FAKE_DEVICE: " + why);
  return {at::Device(at::kPrivateUse1, 0), "fake", std::int64_t{1} << 34};
}

std::int64_t free_bytes() {
  using MemoryInfo = int (*)(std::size_t*, std::size_t*);
  const auto ask = reinterpret_cast<MemoryInfo>(dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
  std::size_t free = 0, total = 0;
  return ask != nullptr && ask(&free, &total) == 0 ? static_cast<std::int64_t>(free) : 0;
}

std::string gpus_in_words(std::size_t count) {
  if (count == 1) return "one GPU is here\n    expected cuda:0, or cpu";
  return std::to_string(count) + " GPUs are here\n    expected cuda:0 to cuda:" + std::to_string(count - 1) +
         ", or cpu";
}

Device open_cuda(const DeviceChoice& choice, std::int64_t workers) {
  const auto option = "--device " + to_string(choice);
  const GpuDriver driver;
  if (driver.gpus().empty()) {
    if (choice.is_auto) return {};
    throw SettingsError(option + ": no GPU answers: " + driver.why_not() +
                        "\n    expected a machine with an NVIDIA GPU and its driver; compute with --device cpu");
  }
  if (choice.index >= static_cast<std::int64_t>(driver.gpus().size()))
    throw SettingsError(option + ": " + gpus_in_words(driver.gpus().size()));
  const auto library = beside_libtorch("libtorch_cuda.so");
  if (!std::filesystem::exists(library)) {
    if (choice.is_auto) return {};
    throw SettingsError(option + ": this LibTorch has no CUDA: " + library.string() +
                        " is not there\n    set TORCH_ROOT to a LibTorch of the same version with CUDA (README, On a "
                        "GPU), or compute with --device cpu");
  }
  if (const auto why = load(library.string()); !why.empty()) {
    throw SettingsError(option + ": the LibTorch in " + library.parent_path().string() + " cannot use CUDA: " + why +
                        "\n    its CUDA libraries (pip packages nvidia-*) belong beside it or into LD_LIBRARY_PATH");
  }
  if (!at::globalContext().hasCUDA())
    throw SettingsError(option + ": LibTorch finds no GPU that it can use, though the driver " + driver.version() +
                        " answers\n    expected a driver that is new enough for the LibTorch's CUDA");
  const at::Device place(at::kCUDA, static_cast<at::DeviceIndex>(choice.index));
  at::globalContext().lazyInitDevice(at::kCUDA);
  c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(place);
  // float32 is float32, also where nobody asks for an arithmetic; cuDNN would round factors of convolutions.
  at::globalContext().setFloat32MatmulPrecision("highest");
  at::globalContext().setAllowTF32CuDNN(false);
  const auto share = share_of_free_memory * static_cast<double>(free_bytes()) /
                     static_cast<double>(std::max<std::int64_t>(1, workers));
  return {place, driver.gpus()[static_cast<std::size_t>(choice.index)].name, static_cast<std::int64_t>(share)};
}

}  // namespace

const DeviceFacts& facts_of(const at::Device& device) { return device.is_cpu() ? cpu_facts : gpu_facts; }

std::string Device::kind() const {
  for (const auto kind : {DeviceKind::Cuda, DeviceKind::Fake}) {
    if (place.type() == type_of(kind)) return to_string(kind);
  }
  return to_string(DeviceKind::Cpu);
}

std::string Device::text() const { return place.is_cuda() ? kind() + ':' + std::to_string(place.index()) : kind(); }

Device open_device(const DeviceChoice& choice, std::int64_t workers) {
  switch (choice.kind) {
    case DeviceKind::Cpu: return {};
    case DeviceKind::Fake: return open_fake();
    case DeviceKind::Cuda: return open_cuda(choice, workers);
  }
  return {};
}

DeviceRecord record_of(const Device& device) {
  if (!device.place.is_cuda()) return {device.is_cpu() ? "" : device.name, "", "", "", 0};
  auto record = GpuDriver().gpus().at(static_cast<std::size_t>(device.place.index()));
  using Version = int (*)(int*);
  const auto ask = reinterpret_cast<Version>(dlsym(RTLD_DEFAULT, "cudaRuntimeGetVersion"));
  if (int version = 0; ask != nullptr && ask(&version) == 0)
    record.cuda = std::to_string(version / 1000) + '.' + std::to_string(version % 1000 / 10);
  return record;
}

std::vector<DeviceRecord> visible_gpus() { return GpuDriver().gpus(); }

void synchronize(const at::Device& device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

std::int64_t peak_device_bytes(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[0].peak;
}

void release_cached_memory(const at::Device& device) {
  if (device.is_cuda()) c10::getDeviceAllocator(device.type())->emptyCache();
}

void seed_generators(const at::Device& device, std::uint64_t seed) {
  auto of_cpu = at::globalContext().defaultGenerator(at::kCPU);
  of_cpu.set_current_seed(seed);
  if (!device.is_cuda()) return;
  auto of_device = at::globalContext().defaultGenerator(device);
  of_device.set_current_seed(seed);
}

DeterministicGuard::DeterministicGuard(const at::Device& device) : changes_(device.is_cuda()) {
  if (!changes_) return;
  auto& context = at::globalContext();
  was_on_ = context.deterministicAlgorithms();
  warned_only_ = context.deterministicAlgorithmsWarnOnly();
  filled_ = context.deterministicFillUninitializedMemory();
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);
}

DeterministicGuard::~DeterministicGuard() {
  if (!changes_) return;
  at::globalContext().setDeterministicAlgorithms(was_on_, warned_only_);
  at::globalContext().setDeterministicFillUninitializedMemory(filled_);
}

std::int64_t memory_shortages() { return shortages; }

void note_memory_shortage(const at::Device& device) {
  ++shortages;
  release_cached_memory(device);
}

bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr;
}

}  // namespace espalier::nn
