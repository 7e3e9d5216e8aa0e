// From a TOML file to an ordered list of cells, each with a stable key. Pure but for reading the files that a key
// digests: no clock, no tensors.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "words/plugin_description.h"

namespace espalier::grid {

struct ReadOptions {
  std::vector<std::string> sets;           // "model.minilm.train.epochs=1": overrides a key
  std::string only;                        // "scorer=fisher,sparsity=0.5": a slice of the cells
  std::vector<PluginDescription> plugins;  // what scorers, searchers and recoveries there are, with their settings
  // Value of an environment variable; std::getenv by default. ESPALIER_DATA falls back to .deps/data.
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::filesystem::path cache_folder;  // remembers file digests
};

struct PlannedCell {
  std::string key;       // SHA-256 in hex; empty while a file it needs is missing
  std::string settings;  // JSON of words/cell_settings.h
};

struct Experiment {
  std::string name;
  std::string question;
  std::string file_digest;         // of the file's text
  std::vector<PlannedCell> cells;  // in the order they are to be run
  std::vector<std::string>
      missing;  // paths that do not exist, and splits that are needed but not given; sorted, each once
  std::vector<std::string> warnings;  // one file serving as two splits, a definition that no grid uses, ...
  std::vector<PluginDescription> plugins;  // there were when the file was read
};

// Reads, checks and expands an experiment file. Throws SettingsError with every problem found, one after the other,
// each as "FILE:LINE:COLUMN: what is wrong" with details on indented lines.
Experiment read_experiment(const std::filesystem::path& file, const ReadOptions& options);

}  // namespace espalier::grid
