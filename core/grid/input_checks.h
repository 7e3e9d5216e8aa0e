// What checkpoints and tables say against the cells that would read them, before anything is computed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "definitions.h"
#include "tables/split_tables.h"

namespace espalier::grid {

// A model and a dataset that meet in a cell, and the splits that its cells read.
struct Meeting {
  std::shared_ptr<const ModelDefinition> model;
  std::shared_ptr<const DatasetDefinition> dataset;
  Splits splits = 0;
  bool operator<(const Meeting& other) const {
    return std::tie(model, dataset, splits) < std::tie(other.model, other.dataset, other.splits);
  }
};

// A regular file; nothing that cannot be looked at is one.
bool is_file(const std::filesystem::path& path);

struct InputFindings {
  std::vector<std::string> problems;  // each once
  std::vector<std::string> warnings;
};

// Of files that are there; what is missing is named elsewhere.
InputFindings check_inputs(const std::vector<Meeting>& meetings, const std::filesystem::path& cache_folder,
                           SplitTables& tables);

}  // namespace espalier::grid
