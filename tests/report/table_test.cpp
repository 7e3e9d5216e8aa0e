#include <espalier/error.h>

#include "support/message_of.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

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

TEST_F(Tables, WithoutAValueShowAMetricAndNotWhatIsCountedBesideIt) {
  auto attempt = done_attempt(0.7);
  attempt.points.back().metrics["cut"] = 1;  // utterances, of a task that decodes
  add(with(0.5), attempt);
  const auto shown = table({{"scorer"}, {"sparsity"}, ""});

  EXPECT_EQ(shown.value, "accuracy");
  ASSERT_EQ(shown.rows.size(), 2U);
  EXPECT_NEAR(*shown.rows[1].cells[0].mean, 0.7, 1e-12);
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

TEST_F(Tables, ACellOfTwoExperimentsCountsOnceInATableOfAll) {
  add(with(0.5), done_attempt(0.7));
  store.insert(sample_experiment("second"), {sample_cell("0", with(0.5))}, false);

  EXPECT_EQ(make_table(store, "", {}).rows[1].cells[0].n, 1);
  EXPECT_EQ(make_table(store, "", {{"experiment"}, {"sparsity"}, ""}).rows.size(), 4U);
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
