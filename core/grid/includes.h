// Definitions that experiment files share: include = ["shared.toml"].
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "document.h"

namespace espalier::grid {

struct Includes {
  // Of each included file, as messages call it, the folder where its relative paths start.
  std::map<std::string, std::filesystem::path> folders;
  std::vector<std::filesystem::path> files;  // in the order they were met
  std::vector<std::string> texts;            // of these
};

// Reads the files that a file includes, and those that they include, and puts their definitions into its tree. Complains
// about files that cannot be read, include each other in a circle, hold more than definitions, or define a name again.
Includes include_files(Value& root, const std::filesystem::path& file,
                       const std::function<std::optional<std::string>(const std::string&)>& environment,
                       Complaints& complaints);

// The text of an experiment file or of one that it includes. Throws SettingsError.
std::string experiment_text(const std::filesystem::path& file);

}  // namespace espalier::grid
