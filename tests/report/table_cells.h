// Tables of cells that a test makes one by one.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "report/table.h"
#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::report {

using test::done_attempt;
using test::failed_attempt;
using test::sample_cell;
using test::sample_experiment;
using test::sample_settings;

class Tables : public ::testing::Test {
 protected:
  // One cell, claimed at once unless it is to wait.
  void add(const CellSettings& settings, const std::optional<Attempt>& attempt = std::nullopt) {
    for (auto& earlier : cells_) earlier.asked = false;
    cells_.push_back(sample_cell(std::to_string(cells_.size()), settings));
    store.insert(sample_experiment(), cells_, false);
    if (attempt) {
      ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), *attempt));
    }
  }
  Table table(const TableRequest& request = {}) const { return make_table(store, "demo", request); }
  static std::string notes(const Table& table) {
    std::string text;
    for (const auto& note : table.footnotes) text += note + "\n";
    return text;
  }

  test::TempDir folder;
  store::ResultStore store{folder / "results.db", store::Mode::Create};

 private:
  std::vector<store::NewCell> cells_;
};

inline CellSettings with(double sparsity, std::int64_t seed = 0, const std::string& scorer = "magnitude") {
  auto settings = sample_settings();
  settings.budget.value = sparsity;
  settings.seed = seed;
  settings.scorer.name = settings.scorer.plugin = scorer;
  return settings;
}

}  // namespace espalier::report
