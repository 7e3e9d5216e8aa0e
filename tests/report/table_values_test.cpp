// What stands in a table's places, and how it is written.
#include <espalier/error.h>

#include <limits>

#include "support/message_of.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

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

TEST_F(Tables, DivergedValuesAreMarked) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].kind = "diverged";
  add(with(0.5), attempt);
  add(with(0.25, 0, "random"), attempt);
  add(with(0.25, 1, "random"), done_attempt(0.8));

  const auto text = render(table({{"scorer"}, {"sparsity"}, "accuracy"}), Format::Markdown);

  EXPECT_NE(text.find("| 0.700 (diverged) |"), std::string::npos) << text;
  EXPECT_NE(text.find("n=2 (at 0.500, 1 diverged)"), std::string::npos) << text;
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
  EXPECT_NE(
      render(made, Format::Markdown).find("| magnitude | 0.700 (at 0.500) | 0.650 | 4500 | 0.700 | 0.650 | 4500 |"),
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
  attempt.points[1].latency = {{1, 16, 10, 9.5, 50, 0.8, 0.75, 0.85, 1, "cpu"},
                               {8, 16, 40, 39, 50, 1.01, 0.99, 1.02, 1, "cpu"},
                               {16, 16, 80, 80, 50, 1.01, 0.9, 1.1, 1, "cpu"}};
  add(with(0.5), attempt);
  add(with(0.75), failed_attempt("no"));

  const auto made = table({{"scorer"}, {"sparsity"}, "latency"});
  const auto text = render(made, Format::Markdown);

  EXPECT_EQ(made.column_axes, (std::vector<std::string>{"sparsity", "batch"}));
  ASSERT_EQ(made.rows.size(), 1U);                     // an unpruned model stands in its own column
  EXPECT_NEAR(*made.rows[0].cells[1].mean, 8, 1e-12);  // 10 * 0.8, whatever a second estimator said
  EXPECT_NEAR(*made.rows[0].cells[4].mean, 40.4, 1e-12);
  EXPECT_NE(text.find("| magnitude | 10.00 | 8.00 | 0.800 \\[0.750, 0.850\\] faster | 40.00 | 40.40 | 1.010 \\[0.990, "
                      "1.020\\] same | 80.00 | 80.80 | 1.010 \\[0.900, 1.100\\] undecided | failed |"),
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

Attempt computed_on(const std::string& device, double accuracy) {
  auto attempt = done_attempt(accuracy);
  attempt.environment["device"] = device;
  return attempt;
}

TEST_F(Tables, SayWhereRowsWereComputedWhenItWasNotOnePlace) {
  add(with(0.25), computed_on("cuda:0", 0.8));
  add(with(0.5), computed_on("cuda:1", 0.7));
  add(with(0.75), done_attempt(0.6));  // of before devices were known
  EXPECT_EQ(notes(table()).find("computed on"), std::string::npos) << notes(table());

  add(with(0.25, 0, "fisher"), computed_on("cpu", 0.85));
  add(with(0.5, 0, "fisher"), failed_attempt("no"));
  const TableRequest two_values{{"scorer"}, {"sparsity"}, "accuracy,parameters_total"};

  for (const auto& made : {table(), table(two_values)}) {
    EXPECT_NE(notes(made).find("rows were computed on cpu (1 cell) and cuda (2 cells): last digits may differ\n"),
              std::string::npos)
        << notes(made);
  }
  TableRequest one_place;
  one_place.only = "scorer=magnitude";
  EXPECT_EQ(notes(table(one_place)).find("computed on"), std::string::npos) << notes(table(one_place));
}

TEST_F(Tables, SayWhereMemoryRanOut) {
  auto attempt = done_attempt(0.7);
  add(with(0.25), attempt);
  EXPECT_EQ(notes(table()).find("memory"), std::string::npos) << notes(table());

  attempt.timing->memory_shortages = 3;
  add(with(0.5), attempt);

  EXPECT_NE(notes(table()).find(
                "1 cell went on in smaller pieces when the memory of a GPU did not suffice: last digits may differ\n"),
            std::string::npos)
      << notes(table());
}

TEST_F(Tables, TimesOfSeveralDevicesAreToldApart) {
  auto attempt = done_attempt(0.7);
  attempt.points[1].latency = {{1, 16, 10, 8, 50, 0.8, 0.75, 0.85, 1, "cpu"}};
  add(with(0.5), attempt);
  const TableRequest request{{"scorer"}, {"sparsity"}, "milliseconds"};
  EXPECT_EQ(notes(table(request)).find("times were taken"), std::string::npos);

  attempt.points[1].latency[0].device = "cuda:0";
  add(with(0.5, 0, "fisher"), attempt);

  EXPECT_NE(notes(table(request))
                .find("times were taken on cpu and cuda, and mean something on one of them alone; --rows device tells "
                      "them apart\n"),
            std::string::npos)
      << notes(table(request));
  EXPECT_EQ(notes(table()).find("times were taken"), std::string::npos);
  const auto apart = table({{"scorer", "device"}, {"sparsity"}, "milliseconds"});
  EXPECT_EQ(notes(apart).find("times were taken"), std::string::npos) << notes(apart);
}

}  // namespace
}  // namespace espalier::report
