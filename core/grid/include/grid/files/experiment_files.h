// The files that an experiment is made of, and the digest that databases record of them together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::grid {

struct ExperimentFiles {
  std::string digest;                           // as Experiment::file_digest
  std::vector<std::filesystem::path> included;  // in the order in which they count
};

// Reads the file and what it includes, and no plugin, checkpoint or data. Throws SettingsError where one cannot be read.
ExperimentFiles files_of_experiment(const std::filesystem::path& file);

// Of the text of an experiment file and those of the files that it includes, in their order.
std::string digest_of_texts(const std::string& text, const std::vector<std::string>& included);

}  // namespace espalier::grid
