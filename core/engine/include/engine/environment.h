// Where and with what a number was computed.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace espalier::engine {

// Versions, compiler, device, threads, determinism flags, command line and host.
nlohmann::json environment_json(const std::vector<std::string>& command_line);

// Largest resident memory of this process so far.
std::int64_t peak_memory_bytes();

}  // namespace espalier::engine
