#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "report/table.h"
#include "sample_cells.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::report {
namespace {

using test::done_attempt;
using test::failed_attempt;
using test::sample_cell;
using test::sample_experiment;
using test::sample_settings;

class Tables : public ::testing::Test {
 protected:
  // One cell, claimed at once unless it is to wait.
  void add(const CellSettings& settings, const std::optional<store::AttemptRecord>& attempt = std::nullopt) {
    cells_.push_back(sample_cell(std::to_string(cells_.size()), settings));
    store.insert(sample_experiment(), {cells_.back()}, false);
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

CellSettings with(double sparsity, std::int64_t seed = 0, const std::string& scorer = "magnitude") {
  auto settings = sample_settings();
  settings.budget.value = sparsity;
  settings.seed = seed;
  settings.scorer.name = settings.scorer.plugin = scorer;
  return settings;
}

TEST_F(Tables, MeanAndIntervalAreThoseOfStudent) {
  add(with(0.5, 0), done_attempt(0.5));
  add(with(0.5, 1), done_attempt(0.6));
  add(with(0.5, 2), done_attempt(0.7));

  const auto made = table();

  ASSERT_EQ(made.rows.size(), 2U);
  const auto& cell = made.rows[1].cells.at(0);
  EXPECT_NEAR(*cell.mean, 0.6, 1e-12);
  EXPECT_NEAR(cell.half_width, 0.2484, 5e-5);  // 4.302653 * 0.1 / sqrt(3)
  EXPECT_EQ(cell.n, 3);
  EXPECT_EQ(made.common_n, 3);
  EXPECT_NE(render(made, Format::Terminal).find("0.600 ± 0.248\n"), std::string::npos);
  EXPECT_NE(notes(made).find("seeds 0, 1, 2; base seed 0; mean ± half-width of the 95 % t interval, n = 3"),
            std::string::npos);
  EXPECT_NE(notes(made).find("accuracy on test, 8 examples\n"), std::string::npos);
}

TEST_F(Tables, EqualValuesHaveNoInterval) {
  for (int seed = 0; seed < 3; ++seed) {
    auto attempt = done_attempt(0.7);
    attempt.points[1].mask_digest = std::to_string(seed);
    add(with(0.5, seed), attempt);
  }

  const auto made = table();

  EXPECT_EQ(made.rows[1].cells[0].half_width, 0);
  EXPECT_EQ(made.rows[1].cells[0].n, 3);
  EXPECT_EQ(render(made, Format::Markdown).find("0.700 ±"), std::string::npos);
}

TEST_F(Tables, TheDenseRowIsFirstAndCountsEachBaseModelOnce) {
  auto other_base = with(0.25);
  other_base.base_seed = 1;
  add(with(0.25), done_attempt(0.8, 0.25, 0.90));
  add(with(0.5), done_attempt(0.7, 0.5, 0.90));
  add(other_base, done_attempt(0.8, 0.25, 0.92));

  const auto made = table();

  ASSERT_EQ(made.columns.size(), 2U);
  const auto& dense = made.rows.at(0);
  EXPECT_TRUE(dense.dense);
  EXPECT_EQ(dense.names[0].text, "dense");
  EXPECT_NEAR(*dense.cells[0].mean, 0.91, 1e-12);
  EXPECT_EQ(dense.cells[1].n, 2);
  EXPECT_EQ(made.rows[1].cells[1].n, 1);
  EXPECT_NE(notes(made).find("base seeds 0, 1"), std::string::npos);
}

TEST_F(Tables, EachModelHasItsDenseRow) {
  auto other = with(0.5);
  other.model.name = "large";
  add(with(0.5), done_attempt(0.7, 0.5, 0.9));
  add(other, done_attempt(0.8, 0.5, 0.95));

  const auto made = table({{"model", "scorer"}, {"sparsity"}, "accuracy"});
  const auto by_model = table({{"scorer"}, {"model"}, "accuracy"});
  const auto only_model = table({{"model"}, {"sparsity"}, "accuracy"});

  ASSERT_EQ(made.rows.size(), 4U);
  EXPECT_EQ(made.rows[0].names[0].text, "minilm");
  EXPECT_EQ(made.rows[0].names[1].text, "dense");
  EXPECT_EQ(made.rows[1].cells[0].mean, 0.95);
  EXPECT_EQ(by_model.rows[0].cells[0].mean, 0.9);
  EXPECT_EQ(by_model.rows[0].cells[1].mean, 0.95);
  EXPECT_EQ(only_model.rows[0].names[0].text, "minilm (dense)");
}

TEST_F(Tables, ColumnsAreOrderedByNumberAndRowsAsTheyCame) {
  add(with(0.75, 0, "random"), done_attempt(0.5));
  add(with(0.1, 0, "fisher"), done_attempt(0.8));
  add(with(0.25, 0, "random"), done_attempt(0.7));

  const auto made = table({{"scorer"}, {"sparsity"}, ""});

  EXPECT_EQ(made.columns[0][0].text, "0.1");
  EXPECT_EQ(made.columns[2][0].text, "0.75");
  EXPECT_EQ(made.rows[1].names[0].text, "random");
  EXPECT_EQ(made.rows[2].names[0].text, "fisher");
  EXPECT_TRUE(made.rows[2].cells[1].empty());
  EXPECT_NE(notes(made).find("-: the experiment holds no such cell"), std::string::npos);
}

TEST_F(Tables, FailedAndWaitingCellsAreMarked) {
  add(with(0.25, 0), failed_attempt("the scorer gave NaN\n    details"));
  add(with(0.25, 1), failed_attempt("the scorer gave NaN"));
  add(with(0.5, 0), done_attempt(0.7));
  add(with(0.5, 1), failed_attempt("out of memory"));
  add(with(0.75, 0));

  const auto made = table();

  EXPECT_NE(render(made, Format::Markdown).find("| failed | 0.700 (1 failed) | ... |"), std::string::npos)
      << render(made, Format::Markdown);
  EXPECT_NE(notes(made).find("failed: 3 cells failed: the scorer gave NaN (2); out of memory (1)\n"), std::string::npos)
      << notes(made);
  EXPECT_NE(notes(made).find("...: 1 cell not run yet\n"), std::string::npos);
}

TEST_F(Tables, BeforeAnythingRanShowWhatIsToCome) {
  add(with(0.5));

  const auto made = table();

  ASSERT_EQ(made.rows.size(), 2U);
  EXPECT_EQ(made.rows[0].cells[0].missing, 1);
  EXPECT_EQ(made.rows[1].cells[0].missing, 1);
  EXPECT_EQ(made.value, "accuracy");
}

TEST_F(Tables, AchievedSparsityIsSaidWhereItIsNotTheRequested) {
  add(with(0.5, 0), done_attempt(0.7, 0.48));
  add(with(0.5, 1), done_attempt(0.7, 0.51));
  add(with(0.25, 0), done_attempt(0.8, 0.2504));

  const auto made = table();

  EXPECT_EQ(made.columns[1][0].text, "0.5");
  EXPECT_EQ(made.rows[1].cells[1].achieved_min, 0.48);
  EXPECT_EQ(made.rows[1].cells[1].achieved_max, 0.51);
  EXPECT_NE(notes(made).find("achieved sparsity differs from the requested: 0.480 to 0.510 for 0.5\n"),
            std::string::npos);
}

TEST_F(Tables, OnlySeedsAreAveragedUnlessAnotherAxisIsNamed) {
  auto local = with(0.5);
  local.scope = Scope::Local;
  add(with(0.5), done_attempt(0.7));
  add(local, done_attempt(0.6));

  const auto apart = table({{"scorer"}, {"sparsity"}, "accuracy"});
  TableRequest request{{"scorer"}, {"sparsity"}, "accuracy"};
  request.average = {"scope"};
  const auto averaged = table(request);

  EXPECT_EQ(apart.row_axes, (std::vector<std::string>{"scorer", "scope"}));
  ASSERT_EQ(apart.rows.size(), 3U);
  EXPECT_EQ(apart.rows[1].cells[0].n, 1);
  EXPECT_NE(notes(apart).find("rows for scope: only seeds are averaged without being asked"), std::string::npos);
  EXPECT_EQ(averaged.row_axes, std::vector<std::string>{"scorer"});
  EXPECT_EQ(averaged.rows[1].cells[0].n, 2);
  EXPECT_NEAR(*averaged.rows[1].cells[0].mean, 0.65, 1e-12);
  EXPECT_NE(notes(averaged).find("averaged also over: scope (global, local)\n"), std::string::npos) << notes(averaged);
  EXPECT_EQ(notes(table()).find("averaged also over"), std::string::npos);
}

// Each axis on its own, and all of them: without being asked nothing but seeds is averaged.
TEST_F(Tables, EveryAxisThatVariesBecomesARowAxis) {
  const std::vector<std::pair<std::string, void (*)(CellSettings&)>> axes = {
      {"model", [](CellSettings& cell) { cell.model.name = "large"; }},
      {"dataset", [](CellSettings& cell) { cell.dataset.name = "other"; }},
      {"granularity", [](CellSettings& cell) { cell.granularity = Granularity::HeadChannel; }},
      {"sites", [](CellSettings& cell) { cell.sites = SiteFilter::EncoderSelf; }},
      {"searcher", [](CellSettings& cell) { cell.searcher.name = cell.searcher.plugin = "beam"; }},
      {"scorer", [](CellSettings& cell) { cell.scorer.name = cell.scorer.plugin = "fisher"; }},
      {"scope", [](CellSettings& cell) { cell.scope = Scope::Local; }},
      {"schedule",
       [](CellSettings& cell) {
         cell.schedule = ScheduleSettings{4, 0.1, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
       }},
      {"recovery", [](CellSettings& cell) { cell.recovery.name = cell.recovery.plugin = "lora"; }},
      {"rounding", [](CellSettings& cell) { cell.rounding = Rounding::Floor; }},
      {"softmax_scale",
       [](CellSettings& cell) {
         cell.softmax_scale = {SoftmaxScale::Kind::PrunedWidth, 0};
       }},
      {"compute", [](CellSettings& cell) { cell.compute = ComputeType::BFloat16; }}};
  add(with(0.5), done_attempt(0.9));
  std::vector<std::string> names;
  for (const auto& [axis, change] : axes) {
    auto settings = with(0.5);
    change(settings);
    add(settings, done_attempt(0.8 - 0.01 * static_cast<double>(names.size())));
    names.push_back(axis);
  }
  TableRequest request;
  request.fits_rows = request.fits_columns = true;

  const auto made = table(request);
  const auto asked = table({{"family"}, {"sparsity"}, "accuracy"});

  EXPECT_EQ(made.row_axes, names);
  EXPECT_EQ(asked.row_axes.size(), names.size() + 1);
  for (const auto* one : {&made, &asked}) {
    std::set<double> values;
    for (const auto& row : one->rows) {
      if (row.dense) continue;
      EXPECT_EQ(row.cells[0].n, 1);
      values.insert(*row.cells[0].mean);
    }
    EXPECT_EQ(values.size(), names.size() + 1);
  }
}

// By hand: magnitude gives one answer for both seeds, random two; two base seeds are two computations.
TEST_F(Tables, CellsThatShareOneComputationCountOnce) {
  for (int seed = 0; seed < 2; ++seed) {
    for (int base = 0; base < 2; ++base) {
      auto settings = with(0.5, seed);
      settings.base_seed = base;
      auto attempt = done_attempt(0.6 + 0.2 * base);
      attempt.points[1].mask_digest = "base" + std::to_string(base);
      add(settings, attempt);
    }
    auto attempt = done_attempt(0.5);
    attempt.points[1].mask_digest = "random" + std::to_string(seed);
    add(with(0.5, seed, "random"), attempt);
    add(with(0.0, seed, "random"), done_attempt(0.9));  // nothing is removed: alike, and yet drawn twice
  }

  const auto made = table({{"scorer"}, {"sparsity"}, "accuracy"});

  ASSERT_EQ(made.rows.size(), 3U);
  EXPECT_EQ(made.rows[1].names[0].text, "magnitude");
  EXPECT_EQ(made.rows[1].cells[1].n, 2);
  EXPECT_NEAR(*made.rows[1].cells[1].mean, 0.7, 1e-12);
  EXPECT_NEAR(made.rows[1].cells[1].deviation, 0.2 / std::sqrt(2), 1e-12);
  EXPECT_EQ(made.rows[2].cells[0].n, 2);
  EXPECT_EQ(made.rows[2].cells[1].n, 2);
  EXPECT_NE(notes(made).find("cells that share one computation, where a seed changes nothing, count once"),
            std::string::npos);
}

TEST_F(Tables, SpreadIsChosenByName) {
  const double values[] = {0.5, 0.6, 0.8};
  for (int seed = 0; seed < 3; ++seed) add(with(0.5, seed, "random"), done_attempt(values[seed]));
  const auto cell = [&](const std::string& spread) {
    TableRequest request;
    request.spread = spread;
    return render(table(request), Format::Markdown);
  };

  // Mean 1.9 / 3, deviations -.1333, -.0333, .1667: s = sqrt(.046667 / 2) = .15275, s / sqrt(3) = .08819, times 4.302653.
  EXPECT_NE(cell("").find("0.633 ± 0.379 |"), std::string::npos) << cell("");
  EXPECT_NE(cell("interval").find("0.633 ± 0.379 |"), std::string::npos);
  EXPECT_NE(cell("sd").find("0.633 ± 0.153 |"), std::string::npos);
  EXPECT_NE(cell("sd").find("mean ± standard deviation, n = 3"), std::string::npos);
  EXPECT_NE(cell("se").find("0.633 ± 0.088 |"), std::string::npos);
  EXPECT_NE(cell("se").find("mean ± standard error, n = 3"), std::string::npos);
  EXPECT_NE(cell("range").find("0.633 \\[0.500, 0.800\\] |"), std::string::npos) << cell("range");
  EXPECT_NE(cell("none").find("| 0.633 |"), std::string::npos);
  EXPECT_NE(test::message_of<SettingsError>([&] { cell("sdt"); }).find("did you mean 'sd'?"), std::string::npos);
}

TEST_F(Tables, TwoValuesShowTheirRangeUnlessAnIntervalIsAskedFor) {
  add(with(0.5, 0, "random"), done_attempt(0.72));
  add(with(0.5, 1, "random"), done_attempt(0.9));
  TableRequest interval;
  interval.spread = "interval";

  const auto usual = table();

  EXPECT_NE(render(usual, Format::Terminal).find("0.810 [0.720, 0.900]\n"), std::string::npos)
      << render(usual, Format::Terminal);
  EXPECT_NE(notes(usual).find("or [lowest, highest] of two values, n = 2"), std::string::npos) << notes(usual);
  EXPECT_NE(render(table(interval), Format::Terminal).find("0.810 ± 1.144\n"), std::string::npos);
}

// One name for two things: a row for each, which one said, and never a mean of both.
TEST_F(Tables, SettingsThatDifferUnderOneNameAreAnAxis) {
  auto samples = with(0.5, 0, "fisher"), epochs = with(0.5, 0, "fisher"), tokens = with(0.5, 0, "fisher");
  auto version = with(0.5, 0, "fisher");
  samples.scorer.settings.set("samples", std::int64_t{10});
  TrainSettings train;
  train.epochs = 6;
  epochs.model.train = train;
  tokens.dataset.max_tokens = 64;
  version.scorer.version = "2";
  add(with(0.5, 0, "fisher"), done_attempt(0.5));
  const std::vector<std::pair<CellSettings, std::string>> others = {{samples, "scorer.samples"},
                                                                    {epochs, "model.train.batch"},
                                                                    {tokens, "dataset.max_tokens"},
                                                                    {version, "scorer.version"}};
  for (const auto& [settings, axis] : others) {
    add(settings, done_attempt(0.6));
    const auto made = table();
    EXPECT_NE(std::find(made.row_axes.begin(), made.row_axes.end(), axis), made.row_axes.end()) << axis << notes(made);
    for (const auto& row : made.rows) EXPECT_LE(row.cells[0].n, 1);
  }
  EXPECT_NE(notes(table()).find("dataset 'wordnet' stands for 2 things, which differ in dataset.max_tokens (128, 64); "
                                "--only SETTING=VALUE chooses"),
            std::string::npos)
      << notes(table());
  TableRequest chosen;
  chosen.only = "scorer.samples=10";
  EXPECT_EQ(table(chosen).row_axes.size(), 3U);
  EXPECT_EQ(*table(chosen).rows.back().cells[0].mean, 0.6);
  EXPECT_NE(notes(table(chosen)).find("left out by --only scorer.samples=10: 4 cells"), std::string::npos);
}

// A checkpoint or a data file that was corrected: nothing differs but what lies behind the paths.
TEST_F(Tables, FilesThatDifferUnderOneNameAreAnAxis) {
  auto settings = with(0.5);
  settings.dataset.split = {{"test", "/data/test.tsv"}};
  auto old_cell = sample_cell("old", settings), new_cell = sample_cell("new", settings);
  old_cell.source = R"({"checkpoint":"aaaaaaaaaaaa","test":"1111111111","results_version":1})";
  new_cell.source = R"({"checkpoint":"aaaaaaaaaaaa","test":"2222222222","results_version":1})";
  store.insert(sample_experiment(), {old_cell}, false);
  store.finish(*store.claim("demo", "a", 1000), done_attempt(0.2, 0.5, 0.3));
  store.insert(sample_experiment(), {new_cell}, false);
  store.finish(*store.claim("demo", "a", 1000), done_attempt(0.7, 0.5, 0.9));

  const auto made = table();
  const std::vector<store::NewCell> now = {new_cell};
  const auto of_file = make_table(store, "demo", {}, &now);

  EXPECT_EQ(made.row_axes.back(), "dataset.test");
  ASSERT_EQ(made.rows.size(), 4U);
  EXPECT_EQ(*made.rows[0].cells[0].mean, 0.3);
  EXPECT_EQ(*made.rows[1].cells[0].mean, 0.9);
  EXPECT_EQ(*made.rows[2].cells[0].mean, 0.2);
  EXPECT_EQ(*made.rows[3].cells[0].mean, 0.7);
  ASSERT_EQ(of_file.rows.size(), 2U);
  EXPECT_EQ(*of_file.rows[0].cells[0].mean, 0.9);
  EXPECT_EQ(*of_file.rows[1].cells[0].mean, 0.7);
  EXPECT_NE(notes(of_file).find("left out: 1 cell of the database that the experiment file does not hold as it is now"),
            std::string::npos);
}

// A database from before digests were kept: nothing tells the cells apart but their keys.
TEST_F(Tables, CellsThatDifferInNothingKnownAreNotAveraged) {
  add(with(0.5), done_attempt(0.7));
  add(with(0.5), done_attempt(0.6));

  const auto made = table();

  EXPECT_EQ(made.row_axes.back(), "version");
  ASSERT_EQ(made.rows.size(), 3U);
  EXPECT_EQ(made.rows[1].names.back().text, "1");
  EXPECT_EQ(*made.rows[1].cells[0].mean, 0.7);
  EXPECT_EQ(*made.rows[2].cells[0].mean, 0.6);
}

TEST_F(Tables, OfAFileShowsWhatItHoldsNow) {
  add(with(0.25), failed_attempt("the old reason"));
  add(with(0.5), done_attempt(0.7));
  const std::vector<store::NewCell> now = {sample_cell("1", with(0.5)), sample_cell("not run", with(0.75)),
                                           sample_cell("", with(0.9))};

  const auto made = make_table(store, "demo", {}, &now);

  ASSERT_EQ(made.columns.size(), 3U);
  EXPECT_EQ(made.columns[0][0].text, "0.5");
  EXPECT_NE(render(made, Format::Markdown).find("| 0.700 | ... | ... |"), std::string::npos);
  EXPECT_EQ(notes(made).find("the old reason"), std::string::npos);
  EXPECT_NE(notes(made).find("...: 2 cells not run yet"), std::string::npos);
}

// Another build of the same plugin version: said; and kept apart where one mean would mix both.
TEST_F(Tables, AnotherFileOfAPluginIsSaidAndNotMixed) {
  auto rebuilt = done_attempt(0.6);
  rebuilt.plugins[0].file_digest = "rebuilt";
  add(with(0.25), done_attempt(0.7));
  add(with(0.5), rebuilt);
  EXPECT_NE(notes(table()).find("magnitude 1: cells were computed by 2 different files of this version (def, rebuilt)"),
            std::string::npos)
      << notes(table());
  EXPECT_EQ(table().row_axes.size(), 3U);

  add(with(0.5, 1), done_attempt(0.8));
  const auto made = table();
  EXPECT_EQ(made.row_axes.back(), "scorer.file");
  for (const auto& row : made.rows) {
    for (const auto& cell : row.cells) EXPECT_LE(cell.n, 1);
  }
}

TEST_F(Tables, DivergedValuesAreMarked) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].kind = "diverged";
  add(with(0.5), attempt);
  add(with(0.25, 0, "random"), attempt);
  add(with(0.25, 1, "random"), done_attempt(0.8));

  const auto text = render(table({{"scorer"}, {"sparsity"}, "accuracy"}), Format::Markdown);

  EXPECT_NE(text.find("| 0.700 (diverged) |"), std::string::npos) << text;
  EXPECT_NE(text.find("n=2 (1 diverged)"), std::string::npos) << text;
}

TEST_F(Tables, ADenseRowWithoutAValueSaysWhy) {
  add(with(0.5), failed_attempt("no"));

  EXPECT_NE(render(table(), Format::Markdown).find("| dense |  |  | failed |"), std::string::npos)
      << render(table(), Format::Markdown);
}

TEST_F(Tables, ValuesStandSideBySide) {
  auto attempt = done_attempt(0.7);
  for (auto& point : attempt.points) point.metrics["macro_f1"] = 0.65;
  add(with(0.5), attempt);
  add(with(0.25), attempt);
  TableRequest request{{"scorer"}, {"sparsity"}, "accuracy,macro_f1,parameters_total"};

  const auto made = table(request);

  EXPECT_EQ(made.value, "accuracy, macro_f1, parameters_total");
  ASSERT_EQ(made.rows[1].cells.size(), 6U);
  EXPECT_EQ(*made.rows[1].cells[1].mean, 0.65);
  EXPECT_EQ(*made.rows[1].cells[5].mean, 4500);
  EXPECT_NE(
      render(made, Format::Markdown)
          .find("| scorer | sparsity 0.25, accuracy | sparsity 0.25, macro_f1 | sparsity 0.25, parameters_total |"),
      std::string::npos)
      << render(made, Format::Markdown);
  EXPECT_NE(render(made, Format::Markdown).find("| magnitude | 0.700 | 0.650 | 4500 | 0.700 | 0.650 | 4500 |"),
            std::string::npos);
}

TEST_F(Tables, DigitsPercentCaptionAndTheBest) {
  add(with(0.5), done_attempt(0.71234));
  add(with(0.5, 0, "fisher"), done_attempt(0.75));
  TableRequest request{{"scorer"}, {"sparsity"}, "accuracy"};
  request.percent = request.best = true;
  request.caption = "What 50 % cost";

  const auto percent = table(request);
  request.digits = 4;
  request.percent = false;

  EXPECT_NE(render(percent, Format::Markdown).find("| magnitude | 71.2 |\n| fisher | **75.0** |"), std::string::npos)
      << render(percent, Format::Markdown);
  EXPECT_NE(render(percent, Format::Markdown).find("accuracy on test, 8 examples, in percent"), std::string::npos);
  EXPECT_NE(render(percent, Format::Markdown).find("**What 50 % cost**"), std::string::npos);
  EXPECT_NE(render(percent, Format::Latex).find("{\\boldmath\\textbf{75.0}}"), std::string::npos);
  EXPECT_NE(render(percent, Format::Csv).find("accuracy,0.71234,"), std::string::npos);
  EXPECT_NE(render(table(request), Format::Terminal).find("0.7500*"), std::string::npos);
  request.value = "examples";
  EXPECT_NE(test::message_of<SettingsError>([&] { table(request); }).find("neither more nor less is better"),
            std::string::npos);
}

TEST_F(Tables, LatencyStandsByBatchWithItsVerdict) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].latency = {{1, 16, 10, 9.5, 50, 0.8, 0.75, 0.85, "faster", 1, "cpu"},
                               {8, 16, 40, 39, 50, 1.01, 0.98, 1.04, "same", 1, "cpu"}};
  add(with(0.5), attempt);
  add(with(0.75), failed_attempt("no"));

  const auto made = table({{"scorer"}, {"sparsity"}, "latency"});
  const auto text = render(made, Format::Markdown);

  EXPECT_EQ(made.column_axes, (std::vector<std::string>{"sparsity", "batch"}));
  ASSERT_EQ(made.rows.size(), 1U);                     // an unpruned model stands in its own column
  EXPECT_NEAR(*made.rows[0].cells[1].mean, 8, 1e-12);  // 10 * 0.8, whatever a second estimator said
  EXPECT_NEAR(*made.rows[0].cells[4].mean, 40.4, 1e-12);
  EXPECT_NE(text.find("| magnitude | 10.00 | 8.00 | 0.800 \\[0.750, 0.850\\] faster | 40.00 | 40.40 | 1.010 \\[0.980, "
                      "1.040\\] same | failed |"),
            std::string::npos)
      << text;
}

TEST_F(Tables, ValuesThatAreNoNumbersAreSaid) {
  add(with(0.5), done_attempt(std::numeric_limits<double>::quiet_NaN()));

  const auto made = table({{"scorer"}, {"sparsity"}, "accuracy"});

  EXPECT_NE(render(made, Format::Markdown).find("| magnitude | not a number |"), std::string::npos);
  EXPECT_NE(notes(made).find("not a number: 1 value whose accuracy was measured and is none; in no mean"),
            std::string::npos);
}

TEST_F(Tables, CellsWithoutAProofAreSaid) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].proof_passed.reset();
  add(with(0.5), attempt);

  EXPECT_NE(notes(table()).find("1 cell without a proof of the mask\n"), std::string::npos);
}

TEST_F(Tables, OtherBudgetsNameTheirColumns) {
  auto settings = sample_settings();
  settings.budget = {BudgetKind::Heads, 6};
  add(settings, done_attempt(0.7));

  EXPECT_EQ(table().columns[0][0].text, "heads 6");
}

// A searcher's cell, and what it left: heads in each of two sites.
CellSettings searched(const std::string& searcher, const std::string& scorer, Budget budget, std::int64_t seed = 0) {
  auto settings = with(0, seed, scorer);
  settings.searcher.name = settings.searcher.plugin = searcher;
  settings.budget = std::move(budget);
  return settings;
}

store::AttemptRecord keeping(double accuracy, int first, int second, int evaluations = 0) {
  auto attempt = done_attempt(accuracy);
  const auto sites = [](int a, int b) {
    return R"("sites":[{"site":"a","heads":)" + std::to_string(a) + R"(},{"site":"b","heads":)" + std::to_string(b) +
           "}]";
  };
  attempt.points[0].details = "{" + sites(12, 12) + "}";
  attempt.points[1].details =
      "{" + sites(first, second) +
      (evaluations > 0 ? R"(,"search":{"evaluations":)" + std::to_string(evaluations) + "}" : "") + "}";
  return attempt;
}

TEST_F(Tables, AnyBudgetIsAnAxis) {
  add(searched("ranking", "fisher", {"heads", 16}), done_attempt(0.8));
  add(searched("ranking", "fisher", {"heads", 8}), done_attempt(0.7));
  add(searched("a-star", "none", {"heads", 8}), done_attempt(0.75));
  add(searched("a-star", "none", {"loss_of_metric", 0.01}), done_attempt(0.89));

  const auto made = table({{"searcher", "scorer"}, {"heads"}, "accuracy"});

  ASSERT_EQ(made.columns.size(), 3U);
  EXPECT_EQ(made.columns[0][0].text, "8");
  EXPECT_EQ(made.columns[1][0].text, "16");
  EXPECT_EQ(made.columns[2][0].text, "loss_of_metric 0.01");
  ASSERT_EQ(made.rows.size(), 3U);  // dense, ranking, a-star
  EXPECT_EQ(made.rows[0].cells[0].mean, 0.9);
  EXPECT_EQ(made.rows[1].names[1].text, "fisher");
  EXPECT_EQ(made.rows[1].cells[0].mean, 0.7);
  EXPECT_EQ(made.rows[2].names[1].text, "none");
  EXPECT_EQ(made.rows[2].cells[0].mean, 0.75);
  EXPECT_EQ(made.rows[2].cells[2].mean, 0.89);
  const auto losses = table({{"searcher"}, {"loss_of_metric"}, "accuracy"});
  EXPECT_EQ(losses.columns[0][0].text, "0.01");
  EXPECT_EQ(losses.columns[1][0].text, "heads 16");
  EXPECT_NE(render(losses, Format::Markdown).find("| searcher | loss_of_metric 0.01 | heads 16 |"), std::string::npos)
      << render(losses, Format::Markdown);
  EXPECT_EQ(table({{"searcher"}, {"macs"}, "accuracy"}).columns[2][0].text, "loss_of_metric 0.01");
}

TEST_F(Tables, HeadsKeptAndEvaluationsAreValues) {
  add(searched("a-star", "none", {"loss_of_metric", 0}), keeping(0.9, 10, 12, 84));
  add(searched("a-star", "none", {"loss_of_metric", 0.02}, 0), keeping(0.88, 4, 0, 150));
  add(searched("a-star", "none", {"loss_of_metric", 0.02}, 1), keeping(0.88, 5, 0, 150));

  const auto heads = table({{"searcher"}, {"loss_of_metric"}, "heads_kept"});
  const auto asked = table({{"searcher"}, {"loss_of_metric"}, "evaluations"});

  EXPECT_EQ(heads.rows[0].cells[0].mean, 24);  // dense
  EXPECT_EQ(heads.rows[1].cells[0].mean, 22);
  EXPECT_EQ(heads.rows[1].cells[1].mean, 4.5);
  EXPECT_EQ(heads.decimals, 1);
  ASSERT_EQ(asked.rows.size(), 1U);  // the unpruned model was not searched for
  EXPECT_NE(render(asked, Format::Markdown).find("| a-star | 84 | 150 |"), std::string::npos)
      << render(asked, Format::Markdown);
}

TEST_F(Tables, RowsAndColumnsMayBeWhatWasKept) {
  add(searched("a-star", "none", {"loss_of_metric", 0}), keeping(0.9, 10, 12, 84));
  add(searched("ranking", "fisher", {"heads", 22}), keeping(0.85, 11, 11));
  add(searched("ranking", "fisher", {"heads", 6}), keeping(0.6, 3, 3));
  add(searched("ranking", "fisher", {"heads", 2}));

  const auto made = table({{"searcher"}, {"heads_kept"}, "accuracy"});

  ASSERT_EQ(made.columns.size(), 3U);
  EXPECT_EQ(made.columns[0][0].text, "6");
  EXPECT_EQ(made.columns[1][0].text, "22");
  EXPECT_EQ(made.columns[2][0].text, "none");  // not run yet
  EXPECT_EQ(made.rows[1].cells[1].mean, 0.9);
  EXPECT_EQ(made.rows[2].cells[0].mean, 0.6);
  EXPECT_EQ(made.rows[2].cells[1].mean, 0.85);
  EXPECT_EQ(made.rows[2].cells[1].n, 1);  // last points alone
  EXPECT_EQ(made.rows[2].cells[2].missing, 1);
}

TEST_F(Tables, WithoutAxesAskedForTheyFitTheExperiment) {
  TableRequest request;
  request.fits_rows = request.fits_columns = true;
  add(searched("ranking", "fisher", {"heads", 8}), done_attempt(0.7));
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "scorer", "scope"}));
  EXPECT_EQ(table(request).column_axes, std::vector<std::string>{"heads"});

  add(searched("a-star", "none", {"heads", 8}), done_attempt(0.75));
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "searcher", "scorer", "scope"}));
  request.fits_rows = request.fits_columns = false;
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "scorer", "scope"}));
  EXPECT_EQ(table(request).column_axes, std::vector<std::string>{"sparsity"});
}

TEST_F(Tables, TheMainMetricIsTheFirstThatWasMeasured) {
  auto attempt = done_attempt(0.7);
  for (auto& point : attempt.points) point.metrics = {{"bleu", 31.25}};
  add(with(0.5), attempt);

  const auto made = table();

  EXPECT_EQ(made.value, "bleu");
  EXPECT_NE(render(made, Format::Csv).find("bleu,31.25,"), std::string::npos);
}

TEST_F(Tables, WholeNumbersAreWrittenWhole) {
  add(with(0.5), done_attempt(0.7));

  EXPECT_NE(
      render(table({{"scorer"}, {"sparsity"}, "parameters_total"}), Format::Markdown).find("| magnitude | 4500 |"),
      std::string::npos);
}

TEST_F(Tables, ACellOfTwoExperimentsCountsOnceInATableOfAll) {
  add(with(0.5), done_attempt(0.7));
  store.insert(sample_experiment("second"), {sample_cell("0", with(0.5))}, false);

  EXPECT_EQ(make_table(store, "", {}).rows[1].cells[0].n, 1);
  EXPECT_EQ(make_table(store, "", {{"experiment"}, {"sparsity"}, ""}).rows.size(), 4U);
}

// A cell of a schedule: two steps, each pruned and then recovered, the second by a training that broke off.
TEST_F(Tables, StepsAndKindsShowEveryPoint) {
  auto settings = with(0);
  settings.budget = {std::nullopt, 0};
  settings.schedule = ScheduleSettings{2, 0.1, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
  settings.recovery.name = settings.recovery.plugin = "lora";
  auto attempt = done_attempt(0.5);
  auto point = attempt.points.back();
  attempt.points.pop_back();
  const auto place = [&](std::int64_t step, const char* kind, double accuracy) {
    point.step = step;
    point.kind = kind;
    point.metrics["accuracy"] = accuracy;
    point.proof_passed = std::string(kind) == "pruned" ? std::optional(true) : std::nullopt;
    attempt.points.push_back(point);
  };
  place(1, "pruned", 0.4);
  place(1, "recovered", 0.45);
  place(2, "pruned", 0.3);
  place(2, "diverged", 0.35);
  add(settings, attempt);

  const auto made = table({{"scorer", "kind"}, {"step"}, "accuracy"});

  ASSERT_EQ(made.columns.size(), 2U);
  EXPECT_EQ(made.columns[1][0].text, "2");
  ASSERT_EQ(made.rows.size(), 4U);  // dense, pruned, recovered, diverged
  EXPECT_EQ(made.rows[1].names[1].text, "pruned");
  EXPECT_NEAR(*made.rows[1].cells[0].mean, 0.4, 1e-12);
  EXPECT_NEAR(*made.rows[1].cells[1].mean, 0.3, 1e-12);
  EXPECT_NEAR(*made.rows[2].cells[0].mean, 0.45, 1e-12);
  EXPECT_FALSE(made.rows[2].cells[1].mean.has_value());
  EXPECT_NEAR(*made.rows[3].cells[1].mean, 0.35, 1e-12);
  EXPECT_NE(notes(made).find("1 value after a recovery whose loss stopped being finite"), std::string::npos);
  EXPECT_EQ(notes(made).find("without a proof"), std::string::npos) << notes(made);

  const auto last = table({{"scorer"}, {"sparsity"}, "accuracy"});
  EXPECT_EQ(last.columns.at(0)[0].text, "by schedule");
  EXPECT_NEAR(*last.rows[1].cells[0].mean, 0.35, 1e-12);
}

TEST_F(Tables, UnknownNamesAreRefused) {
  const auto refusal = [&](const TableRequest& request) {
    return test::message_of<SettingsError>([&] { table(request); });
  };

  EXPECT_NE(refusal({{"scorr"}, {"sparsity"}, ""}).find("did you mean 'scorer'?"), std::string::npos);
  EXPECT_NE(refusal({{"scorer"}, {"colour"}, ""}).find("unknown axis 'colour'"), std::string::npos);
  EXPECT_NE(refusal({{"scorer"}, {"sparsity"}, "acuracy"}).find("did you mean 'accuracy'?"), std::string::npos);
  EXPECT_NE(refusal({{"scorer"}, {"scorer"}, ""}).find("given twice"), std::string::npos);
  EXPECT_NE(refusal({{}, {"scorer"}, ""}).find("at least one axis"), std::string::npos);
  EXPECT_NE(test::message_of<SettingsError>([&] { make_table(store, "other", {}); }).find("unknown experiment 'other'"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::report
