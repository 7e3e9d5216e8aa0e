// The JSON texts that a cell is made of: its settings, and the canonical text whose SHA-256 is its key. Each axis value
// is rendered once; a cell only joins them.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "cells/families.h"
#include "definitions.h"
#include "grid_table.h"
#include "tables/split_tables.h"

namespace espalier::grid {

std::string json_text(const std::string& text);

// Fills in json and key_json of models, datasets and plugins, once all names are settled.
void render(AxisValue& value);

// A part of a key's text. Where a file is missing its path stands in for its digest: cells can still be told apart,
// but have no key.
struct KeyPart {
  std::string json;
  bool missing = false;
};

// Digests the files behind models and datasets, each once, and remembers which are missing.
class KeyParts {
 public:
  // `tables` outlives it.
  explicit KeyParts(SplitTables& tables) : tables_(tables) {}

  KeyPart model(const ModelSettings& model);
  // Of the splits used only; `reasons` says which of them are needed, and by whom.
  KeyPart dataset(const DatasetSettings& dataset, Splits used, const std::map<Splits, std::string>& reasons);
  // Of a plugin: checkpoints that its settings name stand as their digests.
  KeyPart plugin(const PluginSettings& plugin);
  const std::set<std::string>& missing() const { return missing_; }

 private:
  const std::string& digest(const std::string& path, bool checkpoint, bool has_weights);
  // Of a split and every sound file it names.
  std::string audio(const DatasetSettings& dataset, const std::string& split);
  bool has_tokenizer(const std::filesystem::path& checkpoint, const FamilyFacts& family);

  SplitTables& tables_;
  std::map<std::string, std::string> known_;  // path -> digest; empty: missing
  std::set<std::string> missing_;
};

}  // namespace espalier::grid
