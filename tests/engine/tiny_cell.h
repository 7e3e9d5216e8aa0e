// A complete cell over a tiny checkpoint and tables in a folder of the test's own.
#pragma once

#include <ATen/Parallel.h>

#include <cstdlib>
#include <memory>

#include "cells/cell_settings.h"
#include "engine/engine.h"
#include "loader/plugin_catalog.h"
#include "support/temp_dir.h"
#include "support/tiny_bert.h"

namespace espalier::test {

// Of the build, or of an installed tree that ESPALIER_TEST_PLUGINS names.
inline const loader::PluginCatalog& bundled_plugins() {
  const char* elsewhere = std::getenv("ESPALIER_TEST_PLUGINS");
  static const loader::PluginCatalog catalog({elsewhere != nullptr
                                                  ? std::filesystem::path(elsewhere)
                                                  : std::filesystem::path(ESPALIER_BINARY_DIR) / "plugins"});
  return catalog;
}

struct TinyCell {
  TinyCell() {
    at::set_num_threads(1);
    write_tiny_bert(folder / "model");
    cell.model.name = "tiny";
    cell.model.family = Family::Bert;
    cell.model.checkpoint = (folder / "model").string();
    cell.model.train = TrainSettings{};
    cell.model.train->epochs = 2;
    cell.model.train->batch = 8;
    cell.model.train->learning_rate = 5e-3;
    cell.dataset.name = "kinds";
    cell.dataset.format = Format::TextClassification;
    cell.dataset.split = {{"train", write_tiny_table(folder, "train.tsv", 120, 1).string()},
                          {"validation", write_tiny_table(folder, "validation.tsv", 40, 2).string()},
                          {"test", write_tiny_table(folder, "test.tsv", 60, 3).string()}};
    cell.dataset.max_tokens = 16;
    cell.granularity = Granularity::Head;
    cell.scorer = plugin("scorer", "magnitude");
    cell.searcher = plugin("searcher", "ranking");
    cell.recovery.name = cell.recovery.plugin = "none";
    cell.budget = {BudgetKind::Sparsity, 0.5};
  }

  PluginSettings plugin(const std::string& role, const std::string& name, const Settings& settings = {}) const {
    const auto& description = bundled_plugins().find(role, name).description;
    return {name, name, description.version, complete_settings(description, settings)};
  }

  std::unique_ptr<engine::Engine> engine() {
    return std::make_unique<engine::Engine>(bundled_plugins(), folder / "cache", Watch{});
  }

  TempDir folder;
  CellSettings cell;
};

}  // namespace espalier::test
