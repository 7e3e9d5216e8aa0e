// Tables of budgets, of what searches left, and of the points on a schedule's way.
#include "table_cells.h"

namespace espalier::report {
namespace {

// A searcher's cell, and what it left: heads in each of two sites.
CellSettings searched(const std::string& searcher, const std::string& scorer, Budget budget, std::int64_t seed = 0) {
  auto settings = with(0, seed, scorer);
  settings.searcher.name = settings.searcher.plugin = searcher;
  settings.budget = std::move(budget);
  return settings;
}

Attempt keeping(double accuracy, int first, int second, int evaluations = 0) {
  auto attempt = done_attempt(accuracy);
  attempt.points[0].details.emplace().sites = {{"a", 12}, {"b", 12}};
  attempt.points[1].details.emplace().sites = {{"a", first}, {"b", second}};
  if (evaluations > 0) attempt.points[1].details->search.emplace().work.emplace().evaluations = evaluations;
  return attempt;
}

TEST_F(Tables, AnyBudgetIsAnAxis) {
  add(searched("ranking", "fisher", {BudgetKind::Heads, 16}), done_attempt(0.8));
  add(searched("ranking", "fisher", {BudgetKind::Heads, 8}), done_attempt(0.7));
  add(searched("a-star", "none", {BudgetKind::Heads, 8}), done_attempt(0.75));
  add(searched("a-star", "none", {BudgetKind::LossOfMetric, 0.01}), done_attempt(0.89));

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
  add(searched("a-star", "none", {BudgetKind::LossOfMetric, 0}), keeping(0.9, 10, 12, 84));
  add(searched("a-star", "none", {BudgetKind::LossOfMetric, 0.02}, 0), keeping(0.88, 4, 0, 150));
  add(searched("a-star", "none", {BudgetKind::LossOfMetric, 0.02}, 1), keeping(0.88, 5, 0, 150));

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
  add(searched("a-star", "none", {BudgetKind::LossOfMetric, 0}), keeping(0.9, 10, 12, 84));
  add(searched("ranking", "fisher", {BudgetKind::Heads, 22}), keeping(0.85, 11, 11));
  add(searched("ranking", "fisher", {BudgetKind::Heads, 6}), keeping(0.6, 3, 3));
  add(searched("ranking", "fisher", {BudgetKind::Heads, 2}));

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
  add(searched("ranking", "fisher", {BudgetKind::Heads, 8}), done_attempt(0.7));
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "scorer", "scope"}));
  EXPECT_EQ(table(request).column_axes, std::vector<std::string>{"heads"});

  add(searched("a-star", "none", {BudgetKind::Heads, 8}), done_attempt(0.75));
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "searcher", "scorer", "scope"}));
  request.fits_rows = request.fits_columns = false;
  EXPECT_EQ(table(request).row_axes, (std::vector<std::string>{"granularity", "scorer", "scope"}));
  EXPECT_EQ(table(request).column_axes, std::vector<std::string>{"sparsity"});
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

}  // namespace
}  // namespace espalier::report
