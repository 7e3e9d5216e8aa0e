// The fake device as tests use it: opened once a process, with the counts that its library keeps.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "device/fake_device.h"
#include "nn/device.h"

namespace espalier::test {

// Opened before any test runs (opens_the_fake_device.cpp): LibTorch makes the threads of its backward passes, one a device,
// when the first is asked for.
const nn::Device& fake_device();

// A function of the library, which the tests are not linked to, as the programs are not.
template <typename Function>
Function* of_fake_device(const char* name) {
  fake_device();
  static void* const library = dlopen(std::getenv("ESPALIER_FAKE_DEVICE"), RTLD_NOW | RTLD_NOLOAD);
  auto* found = reinterpret_cast<Function*>(library == nullptr ? nullptr : dlsym(library, name));
  if (found == nullptr) throw std::runtime_error(std::string("the fake device has no ") + name);
  return found;
}
#define ESPALIER_OF_FAKE_DEVICE(name) (::espalier::test::of_fake_device<decltype(name)>(#name))

// What was launched and copied since this was made.
struct FakeCounts {
  FakeCounts() { ESPALIER_OF_FAKE_DEVICE(fake_device_reset_counts)(); }
  std::int64_t operators() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_operators)(); }
  std::int64_t named(const std::string& name) const {
    return ESPALIER_OF_FAKE_DEVICE(fake_device_operators_named)(name.c_str());
  }
  std::int64_t casts() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_casts)(); }
  std::int64_t copies_to_host() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_copies_to_host)(); }
  std::int64_t copies_from_host() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_copies_from_host)(); }
  std::int64_t peak_bytes() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_peak_bytes)(); }
  std::int64_t refused() const { return ESPALIER_OF_FAKE_DEVICE(fake_device_refused_allocations)(); }
};

// While it lives the fake device has no more memory than this beside what tensors hold already.
class LittleMemory {
 public:
  explicit LittleMemory(std::int64_t free_bytes) {
    ESPALIER_OF_FAKE_DEVICE(fake_device_set_limit_bytes)(ESPALIER_OF_FAKE_DEVICE(fake_device_bytes)() + free_bytes);
  }
  ~LittleMemory() { ESPALIER_OF_FAKE_DEVICE(fake_device_set_limit_bytes)(0); }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;
};

}  // namespace espalier::test
