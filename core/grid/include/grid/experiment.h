// From a TOML file to an ordered list of cells, each with a stable key. Pure but for reading the files that a key
// digests: no clock, no tensors.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cells/run/limits.h"
#include "grid/cells.h"
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

// How many cells there are of a priority.
struct PriorityShare {
  std::int64_t priority = 0;
  std::int64_t cells = 0;
};

struct Experiment {
  std::string name;
  std::string question;
  std::string file_digest;  // of the file's text and of those that it includes
  Cells cells;              // those asked for, in the order they are to be run
  Cells whole;              // all of the file, where options.only asks for a slice of one within the limit; else empty
  CellLimits limits;        // as [limits] says
  std::vector<PriorityShare> priorities;  // of `cells`, the highest first
  std::vector<std::string>
      missing;  // paths that do not exist, and splits that are needed but not given; sorted, each once
  // What is wrong with checkpoints and data tables that are there, each "FILE: what" with details on indented lines, and
  // what does not fit together: known before anything is trained.
  std::vector<std::string> problems;
  std::vector<std::string> warnings;       // one file serving as two splits, a definition that no grid uses, ...
  std::vector<PluginDescription> plugins;  // there were when the file was read
  std::vector<std::string> notes;          // what is right and may surprise: seeds that change nothing
};

// Reads, checks and expands an experiment file. Throws SettingsError with every problem found, one after the other,
// each as "FILE:LINE:COLUMN: what is wrong" with details on indented lines. The whole file is checked before
// options.only leaves cells out.
Experiment read_experiment(const std::filesystem::path& file, const ReadOptions& options);

// The keys of each table of an experiment file, as tables of Markdown under their titles: docs/experiment-file.md has them.
std::vector<std::pair<std::string, std::string>> documented_keys();

}  // namespace espalier::grid
