// Which cells share a mean, and what tells them apart.
#include <algorithm>
#include <cmath>
#include <set>

#include "table_cells.h"

namespace espalier::report {
namespace {

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
  store.insert(sample_experiment(), {old_cell, new_cell}, false);
  store.finish(*store.claim("demo", "a", 1000), done_attempt(0.2, 0.5, 0.3));
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

TEST_F(Tables, OfADatabaseLeaveOutWhatTheFileDidNotHoldWhenItLastRan) {
  store.insert(sample_experiment(), {sample_cell("old", with(0.25))}, false);
  store.finish(*store.claim("demo", "a", 1000), done_attempt(0.2, 0.25));
  store.insert(sample_experiment(), {sample_cell("new", with(0.5))}, false);
  store.finish(*store.claim("demo", "a", 1000), done_attempt(0.7));
  const auto made = table();
  store.insert(sample_experiment("second"), {sample_cell("old", with(0.25))}, false);
  const auto of_both = make_table(store, "", {});

  ASSERT_EQ(made.rows.size(), 2U);
  ASSERT_EQ(made.rows[1].cells.size(), 1U);
  EXPECT_EQ(*made.rows[1].cells[0].mean, 0.7);
  EXPECT_NE(notes(made).find("left out: 1 cell of the database that the experiment file did not hold when it last ran; "
                             "'espalier cells --stale' lists it"),
            std::string::npos)
      << notes(made);
  EXPECT_EQ(notes(of_both).find("left out"), std::string::npos) << "another experiment holds the cell";
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

}  // namespace
}  // namespace espalier::report
