// What a split's table says of itself: how many rows, which labels and where, or what is wrong with it. Read once and then
// remembered by the digest of the file and by how it is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "tables/split_tables.h"

namespace espalier::inputs {

struct LabelFact {
  std::string label;
  std::int64_t line = 0;  // of the first row that has it
  std::int64_t rows = 0;
};

struct TableFacts {
  std::int64_t rows = 0;
  std::vector<LabelFact> labels;  // in the order of the file; none of speech-recognition
  std::string problem;            // "FILE:LINE: what is wrong", with details on indented lines
};

class TableFactsMemory {
 public:
  // `tables` outlives it.
  TableFactsMemory(const std::filesystem::path& cache_folder, SplitTables& tables)
      : folder_(cache_folder / "tables"), tables_(tables) {}

  // Of the rows that the dataset's limit leaves, or of the whole table. Sound files that are not there are no problem here.
  const TableFacts& of(const DatasetSettings& dataset, const std::string& split, bool whole);

 private:
  std::filesystem::path folder_;
  SplitTables& tables_;
  std::map<std::string, TableFacts> known_;
};

// Labels of a split that are not among a model's classes: a message that names each with its line, empty where there are
// none. `of_whom` ends the sentence: "the model", "the train split".
std::string unknown_labels(const TableFacts& facts, const std::string& file, const std::vector<std::string>& classes,
                           const std::string& of_whom);

}  // namespace espalier::inputs
