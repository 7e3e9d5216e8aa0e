#include <espalier/error.h>
#include <gtest/gtest.h>

#include <limits>

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
  for (int seed = 0; seed < 3; ++seed) add(with(0.5, seed), done_attempt(0.7));

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

TEST_F(Tables, MergedAxesAreSaid) {
  auto local = with(0.5);
  local.scope = "local";
  add(with(0.5), done_attempt(0.7));
  add(local, done_attempt(0.6));

  const auto made = table({{"scorer"}, {"sparsity"}, "accuracy"});

  EXPECT_EQ(made.rows[1].cells[0].n, 2);
  EXPECT_NE(notes(made).find("averaged also over: scope\n"), std::string::npos);
  EXPECT_EQ(notes(table()).find("averaged also over"), std::string::npos);
}

TEST_F(Tables, CellsThatNoAxisTellsApartAreSaid) {
  auto longer = with(0.5);
  longer.dataset.max_tokens = 64;
  add(with(0.5), done_attempt(0.7));
  add(longer, done_attempt(0.6));

  EXPECT_NE(notes(table()).find("cells that differ in no axis are averaged"), std::string::npos);
}

TEST_F(Tables, ValuesThatAreNoNumbersAreSaid) {
  add(with(0.5), done_attempt(std::numeric_limits<double>::quiet_NaN()));

  const auto made = table({{"scorer"}, {"sparsity"}, "accuracy"});

  EXPECT_NE(render(made, Format::Markdown).find("| magnitude | no value |"), std::string::npos);
  EXPECT_NE(notes(made).find("no value: 1 cell done"), std::string::npos);
}

TEST_F(Tables, CellsWithoutAProofAreSaid) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].proof_passed.reset();
  add(with(0.5), attempt);

  EXPECT_NE(notes(table()).find("1 cell without a proof of the mask\n"), std::string::npos);
}

TEST_F(Tables, OtherBudgetsNameTheirColumns) {
  auto settings = sample_settings();
  settings.budget = {"heads", 6};
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
  EXPECT_NE(render(asked, Format::Markdown).find("| a-star | 84 | 150 n=2 |"), std::string::npos)
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
  settings.budget = {"schedule", 0};
  settings.schedule = ScheduleSettings{2, 0.1, "remaining", "ceil", ""};
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
