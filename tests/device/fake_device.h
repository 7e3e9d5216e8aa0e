// What the fake device has counted since the last reset. Tests look these up by dlsym in the library that
// `--device fake` has loaded; see fake_device_counts.h.
#pragma once

#include <cstdint>

extern "C" {
// Kernels that a GPU would have launched: operators, and copies from the device to itself.
std::int64_t fake_device_operators();
// Of these, the ones by this name, "aten::addmm".
std::int64_t fake_device_operators_named(const char* name);
// Of these, copies within the device that change the type of numbers.
std::int64_t fake_device_casts();
// Copies that the host waits for, and those it need not wait for. What operators copy to be computed does not count.
std::int64_t fake_device_copies_to_host();
std::int64_t fake_device_copies_from_host();
void fake_device_reset_counts();

// Memory that tensors hold now, and the most they held since the last reset.
std::int64_t fake_device_bytes();
std::int64_t fake_device_peak_bytes();
// Memory that there is; 0: no end of it. At the start what FAKE_DEVICE_BYTES says.
void fake_device_set_limit_bytes(std::int64_t bytes);
// How often there was not enough.
std::int64_t fake_device_refused_allocations();
}
