// What a run computes on: processors, and the devices that --devices names; what its cells need of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cells/device.h"
#include "grid/cells.h"

namespace espalier::runner {

// How many this program may keep busy.
int processor_count();
// Those that the system lets it run on, by number.
std::vector<int> processors();

// What a run computes on, as it was asked: `given`, else $ESPALIER_DEVICES, else the CPU.
struct DeviceWords {
  std::string text;
  std::string option = "--devices";  // where the text comes from
};
DeviceWords device_words(const std::string& given);

// What --devices stands for, "auto" and "all" too. The worker opens each of them once, which it alone can; for the CPU
// it is not asked. Throws SettingsError, with the worker's own sentence where one cannot be opened. `option` names where
// the text comes from.
std::vector<DeviceChoice> ready_devices(const std::string& text, const std::string& option = "--devices");

// "cuda:0 and cuda:1"; of many how many; empty for the CPU.
std::string devices_in_words(const std::vector<DeviceChoice>& devices);

// The processes, of so many in all, that compute on the device of this place in a list: they are dealt in turns.
std::int64_t workers_on(std::size_t device, std::size_t devices, std::int64_t workers);

// Cells that not every device can compute.
struct DeviceNeeds {
  std::int64_t tf32 = 0;                            // of a GPU
  std::int64_t timed_on_cpu = 0, timed_on_gpu = 0;  // as [measure] latency says

  bool none() const { return tf32 + timed_on_cpu + timed_on_gpu == 0; }
};
// Of those that are not done; `done` empty: none is.
DeviceNeeds device_needs(const grid::Cells& cells, const std::vector<bool>& done = {});
// Why devices of this kind do not suffice, a sentence with its way out; empty: they do.
std::string refusal(const DeviceNeeds& needs, DeviceKind kind);
// For a plan, which knows of no device.
std::vector<std::string> notes_of(const DeviceNeeds& needs);

}  // namespace espalier::runner
