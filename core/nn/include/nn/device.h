// Where a process computes: the CPU or one GPU. Made once by the program and handed down; models know theirs by their
// weights, and what an evaluation gives is on the CPU whatever it was computed on.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "cells/device.h"

namespace espalier::nn {

// What is quick on a kind of device. Sizes of pieces decide the last bits of sums: they belong to results_version.
struct DeviceFacts {
  std::int64_t piece_tokens;      // whose activations are computed together: what fits a cache, what fills a GPU
  std::int64_t scoring_examples;  // whose gradients are taken together, at most
  std::int64_t
      scoring_padding;  // tokens of padding in their batch, at most: computing them costs less than a pass more
  std::int64_t speech_examples;  // that are decoded together, at most
  std::int64_t width_multiple;   // widths of groups of heads are rounded up to this many channels
  double group_overhead;         // what one more group of heads costs, as multiply-adds a token
  bool packed_attention;         // one attention call for examples of all lengths
  bool half_stream;  // under a half type activations between layers are half as well, as model.half() has it
};
const DeviceFacts& facts_of(const at::Device& device);

struct Device {
  at::Device place = at::kCPU;
  std::string name = "cpu";  // "NVIDIA H100 80GB HBM3"
  std::int64_t memory_bytes =
      0;  // this process's share of what was free when it started; 0: the CPU's, not bounded here

  bool is_cpu() const { return place.is_cpu(); }
  // What caches of numbers say they were computed on: "cpu", "cuda".
  std::string kind() const;
  // "cpu", "cuda:0"
  std::string text() const;
};

// Makes a device ready. For a GPU it loads libtorch_cuda, which the programs are not linked to, so that a process on the
// CPU does not pay for it: call it before anything asks LibTorch for CUDA. `workers`: processes that share the device.
// Throws SettingsError: no driver, no GPU, a LibTorch without CUDA, a number that no GPU has. "auto" falls back to the CPU.
Device open_device(const DeviceChoice& choice, std::int64_t workers = 1);

// What an attempt records of a GPU; empty on the CPU.
struct DeviceRecord {
  std::string name, driver, cuda, capability;
  std::int64_t memory_bytes = 0;
};
DeviceRecord record_of(const Device& device);
// Every GPU that answers, without loading LibTorch's CUDA; empty where there is no driver.
std::vector<DeviceRecord> visible_gpus();

// Waits until everything launched on the device has ended; nothing on the CPU.
void synchronize(const at::Device& device);
// The most that tensors took of a GPU since the process began; 0 on the CPU.
std::int64_t peak_device_bytes(const at::Device& device);
// Gives back what LibTorch keeps of a device's memory for later.
void release_cached_memory(const at::Device& device);
// Draws on this device, dropout among them, begin anew from here.
void seed_generators(const at::Device& device, std::uint64_t seed);

// While it lives, LibTorch takes deterministic algorithms only, and refuses what has none: wherever gradients are taken on a
// GPU, so that two runs of a cell on one card give the same mask. Nothing on the CPU, whose are.
class DeterministicGuard {
 public:
  explicit DeterministicGuard(const at::Device& device);
  ~DeterministicGuard();
  DeterministicGuard(const DeterministicGuard&) = delete;
  DeterministicGuard& operator=(const DeterministicGuard&) = delete;

 private:
  bool changes_, was_on_ = false, warned_only_ = false, filled_ = false;
};

// How often this process ran out of a device's memory and went on with smaller pieces.
std::int64_t memory_shortages();
// Notes one more, and frees what is cached.
void note_memory_shortage(const at::Device& device);
// Whether an exception says that a device's memory is spent.
bool is_out_of_memory(const std::exception& error);

// compute(size), with half the size whenever the device's memory does not suffice, down to one. `size` keeps what
// sufficed. What does not fit alone throws what compute threw.
template <typename Compute>
auto with_fitting_size(std::int64_t& size, const at::Device& device, Compute&& compute) {
  for (;;) {
    try {
      return compute(size);
    } catch (const std::exception& error) {
      if (device.is_cpu() || size <= 1 || !is_out_of_memory(error)) throw;
    }
    note_memory_shortage(device);
    size = (size + 1) / 2;
  }
}

}  // namespace espalier::nn
