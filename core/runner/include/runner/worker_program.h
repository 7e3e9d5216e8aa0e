// The program that computes, espalier-worker: where it is, and how a whole command is handed to it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::runner {

// espalier-worker beside this program, or $ESPALIER_WORKER (for tests and unusual installations). Throws SettingsError
// when it is not there.
std::filesystem::path worker_program();

// Becomes espalier-worker with these arguments; returns only by throwing.
[[noreturn]] void hand_over(const std::vector<std::string>& arguments);

}  // namespace espalier::runner
