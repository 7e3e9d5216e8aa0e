// The device that a process computes on, as the command line names it, and what is said when its memory is spent.
#pragma once

#include <c10/util/Exception.h>
#include <espalier/error.h>

#include <string>
#include <utility>

#include "cells/device.h"
#include "nn/device.h"

namespace espalier::worker {

// --device, else $ESPALIER_DEVICE, else the CPU. Throws SettingsError.
DeviceChoice device_of_words(const std::string& given);

// Not even one example fits: smaller pieces were tried before this is said.
std::string out_of_memory(const nn::Device& device);

// Whether LibTorch's words say that the machine's memory did not suffice.
bool is_out_of_memory_on_the_cpu(const std::string& said);
// Whether they say that the device itself failed, after which nothing is computed on it in this process any more.
bool is_failure_of_the_device(const std::string& said);

// work(), with that sentence in place of LibTorch's.
template <typename Work>
auto within_its_memory(const nn::Device& device, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const c10::Error& error) {
    if (nn::is_out_of_memory(error)) throw InputError(out_of_memory(device));
    throw;
  }
}

}  // namespace espalier::worker
