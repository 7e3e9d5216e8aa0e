// The program that computes, espalier-worker: where it is, and how a whole command is handed to it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::runner {

// espalier-worker beside this program, or $ESPALIER_WORKER (for tests and unusual installations). Throws SettingsError
// when it is not there.
std::filesystem::path worker_program();

// The same, and it can be started: the system's loader finds the libraries that it needs. LibTorch is looked for beside the
// worker (../lib), where the worker was built with it, and last in $TORCH_ROOT/lib, which then leads this program's
// LD_LIBRARY_PATH. Throws SettingsError where a library is nowhere, saying what to do.
std::filesystem::path ready_worker();

// Becomes espalier-worker with these arguments; returns only by throwing.
[[noreturn]] void hand_over(const std::vector<std::string>& arguments);

}  // namespace espalier::runner
