// From the words of a command line to a command that is ready to run.
#pragma once

#include <functional>
#include <optional>

#include "commands.h"

namespace espalier::cli {

// Empty when the question was answered already (--help, --version). Throws SettingsError for a line that is no
// command's, with the nearest name.
std::optional<std::function<ExitCode()>> read_command_line(int count, char** words);

// Commands that compute: espalier-worker answers them, its --help included.
bool is_handed_over(const std::string& command);
[[noreturn]] void hand_over(int count, char** words);

}  // namespace espalier::cli
