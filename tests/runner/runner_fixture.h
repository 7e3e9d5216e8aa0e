// A folder with everything a run needs, and the fake worker in place of the real one.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "grid/experiment.h"
#include "runner/run.h"
#include "store/result_store.h"
#include "support/temp_dir.h"
#include "words/digest.h"

namespace espalier::runner {

class RunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::create_symlink(FAKE_WORKER, folder_ / "bin/espalier-worker");
    folder_.write("plugins/magnitude.so", "scorer 1.0");
    folder_.write("plugins/random.so", "scorer 1.0");
    folder_.write("plugins/ranking.so", "searcher 1.0");
    set("ESPALIER_WORKER", (folder_ / "bin/espalier-worker").string());
    set("ESPALIER_CACHE", (folder_ / "cache").string());
    set("FAKE_JOURNAL", (folder_ / "journal").string());
  }
  void TearDown() override {
    for (const auto& name : set_) ::unsetenv(name.c_str());
  }

  void set(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }

  // One cell a seed, 0 to count - 1, as the grid would plan them.
  static std::vector<grid::PlannedCell> planned(int count) {
    std::vector<grid::PlannedCell> cells;
    for (int seed = 0; seed < count; ++seed) {
      CellSettings cell;
      cell.model = {"minilm", Family::Bert, "/nowhere", std::nullopt};
      cell.dataset.name = "wordnet";
      cell.dataset.format = Format::TextClassification;
      cell.granularity = Granularity::Head;
      cell.scorer = {"magnitude", "magnitude", "1", {}};
      cell.searcher = {"ranking", "ranking", "1", {}};
      cell.recovery = {"none", "none", "", {}};
      cell.budget = {BudgetKind::Sparsity, 0.5};
      cell.seed = seed;
      const std::string settings = to_json(cell).dump();
      cells.push_back({sha256_hex(settings), settings});
    }
    return cells;
  }
  static grid::Experiment experiment(const std::vector<grid::PlannedCell>& cells) {
    grid::Experiment experiment;
    experiment.name = "fake";
    experiment.file_digest = "0";
    experiment.cells = cells;
    return experiment;
  }
  static grid::Experiment experiment(int count) { return experiment(planned(count)); }

  RunOptions options(int workers = 1) const {
    RunOptions options;
    options.file = "fake.toml";
    options.database = folder_ / "results" / "fake.db";
    options.workers = workers;
    options.threads = 1;
    return options;
  }

  std::vector<std::string> journal(const std::string& file = "journal") const {
    std::ifstream input(folder_ / file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(input, line);) lines.push_back(line);
    return lines;
  }

  const test::TempDir folder_;

 private:
  std::vector<std::string> set_;
};

}  // namespace espalier::runner
