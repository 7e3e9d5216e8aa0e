// Experiment files beside what they expand to: tests/fixtures/grid/NAME.toml and NAME.expected.
#include <fmt/format.h>

#include <algorithm>

#include "grid_test_support.h"

namespace espalier::grid {
namespace {

std::string line_of(const CellSettings& cell) {
  std::string line =
      fmt::format("{} {} {} {} {} {} {} {}={:g} {}", cell.model.name, cell.dataset.name, to_string(cell.granularity),
                  to_string(cell.sites), cell.scorer.name, cell.searcher.name, to_string(cell.scope),
                  name_of(cell.budget), cell.budget.value, cell.recovery.name);
  if (cell.schedule) line += fmt::format(" schedule={}x{:g}", cell.schedule->steps, cell.schedule->fraction);
  if (cell.compute != ComputeType::Float32) line += std::string(" compute=") + to_string(cell.compute);
  if (cell.softmax_scale != SoftmaxScale()) line += " softmax_scale=" + to_string(cell.softmax_scale);
  if (cell.rounding != Rounding::Nearest) line += std::string(" rounding=") + to_string(cell.rounding);
  if (cell.count_output_bias) line += " count_output_bias";
  return line + fmt::format(" seed={} base_seed={}\n", cell.seed, cell.base_seed);
}

TEST_F(GridTest, FixturesExpandAsExpected) {
  const std::filesystem::path fixtures = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/grid";
  std::size_t seen = 0;

  for (const auto& entry : std::filesystem::directory_iterator(fixtures)) {
    if (entry.path().extension() != ".toml") continue;
    ++seen;
    std::string found;
    try {
      const auto experiment = read(read_file(entry.path()), entry.path().filename().string());
      for (const auto& cell : experiment.cells) found += line_of(settings(cell));
      for (const auto& path : experiment.missing) found += "missing: " + without_folder(path) + "\n";
      for (const auto& warning : experiment.warnings) found += "warning: " + without_folder(warning) + "\n";
    } catch (const SettingsError& error) {
      found = without_folder(error.what()) + "\n";
    }
    auto expected = entry.path();
    EXPECT_EQ(found, read_file(expected.replace_extension(".expected"))) << entry.path();
  }

  EXPECT_GE(seen, 6u);
}

}  // namespace
}  // namespace espalier::grid
