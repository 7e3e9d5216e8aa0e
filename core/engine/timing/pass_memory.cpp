#include "pass_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "nn/device.h"

namespace espalier::engine {
namespace {

// Told of each block that is taken or given back. Threads of one pass tell it side by side.
class LiveBytes final : public c10::MemoryReportingInfoBase {
 public:
  explicit LiveBytes(const at::Device& device) : type_(device.type()) {}
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device device) override {
    if (device.type() != type_) return;
    const auto now = live_.fetch_add(bytes) + bytes;
    auto most = most_.load();
    while (now > most && !most_.compare_exchange_weak(most, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t most() const { return most_; }

 private:
  c10::DeviceType type_;
  std::atomic<std::int64_t> live_ = 0, most_ = 0;
};

}  // namespace

std::int64_t peak_bytes_of(const at::Device& device, const std::function<void()>& work) {
  const auto counter = std::make_shared<LiveBytes>(device);
  const c10::DebugInfoGuard told(c10::DebugInfoKind::PROFILER_STATE, counter);
  work();
  nn::synchronize(device);
  return counter->most();
}

std::int64_t pass_bytes(const nn::Model& model, const Batch& batch) {
  std::int64_t weights = 0;
  std::set<const void*> seen;  // what several layers share stands there once
  model.each_tensor([&](const std::string&, const at::Tensor& tensor) {
    if (seen.insert(tensor.const_data_ptr()).second) weights += static_cast<std::int64_t>(tensor.nbytes());
  });
  return weights + peak_bytes_of(model.device(), [&] { model.logits({&batch, 1}); });
}

}  // namespace espalier::engine
