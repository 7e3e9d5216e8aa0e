// Where and with what a number was computed.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/device.h"

namespace espalier::engine {

// Versions, compiler, device with its driver and CUDA, threads, determinism flags, command line and host.
nlohmann::json environment_json(const std::vector<std::string>& command_line, const nn::Device& device = {});

// What caches of numbers say beside what the numbers are made from: on another kind of device the last bits differ, and
// with them the order of equals. Nothing on the CPU.
void note_device(nlohmann::json& made_from, const nn::Device& device);

// Largest resident memory of this process so far.
std::int64_t peak_memory_bytes();

}  // namespace espalier::engine
