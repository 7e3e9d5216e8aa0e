// Values beside the dense model and the best of their column: what is tested, corrected, marked, and said of what is not.
#include <gtest/gtest.h>

#include <espalier/error.h>

#include <algorithm>

#include "statistics/paired.h"
#include "support/message_of.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

constexpr std::size_t examples = 200;

// `right` of the examples, from one of them on, are right.
std::string outcomes(std::size_t from, std::size_t right) {
  std::string text(examples, '0');
  for (std::size_t i = 0; i < right; ++i) text[(from + i) % examples] = '1';
  return text;
}

Point point(const std::string& kind, const std::string& outcomes) {
  auto point = test::sample_point(kind, kind == "dense" ? 0 : 0.5, {});
  point.predictions = outcomes;
  point.predictions_digest = outcomes;
  point.metrics["accuracy"] =
      static_cast<double>(std::count(outcomes.begin(), outcomes.end(), '1')) / static_cast<double>(examples);
  return point;
}

Attempt answering(const std::string& dense, const std::string& pruned) {
  auto attempt = done_attempt(0);
  attempt.points = {point("dense", dense), point("pruned", pruned)};
  return attempt;
}

TableRequest tested(double level = 0.05) {
  TableRequest request;
  request.rows = {"scorer"};
  request.significance = level;
  return request;
}

class PairedTests : public Tables {
 protected:
  const std::string dense_ = outcomes(0, 160);
};

TEST_F(PairedTests, IsAnExactMcNemarTestCorrectedForAllComparisons) {
  const auto near = outcomes(0, 156), far = outcomes(0, 90);
  add(with(0.5, 0, "magnitude"), answering(dense_, near));
  add(with(0.5, 0, "fisher"), answering(dense_, far));

  const auto made = table(tested());

  ASSERT_EQ(made.rows.size(), 3U);
  const auto &best = made.rows[1].cells[0], &worse = made.rows[2].cells[0];
  // Two against the dense model, one against the best.
  const auto expected =
      statistics::holm({statistics::mcnemar(0, 4), statistics::mcnemar(0, 70), statistics::mcnemar(0, 66)});
  EXPECT_NEAR(best.p_dense.value_or(-1), expected[0], 1e-12);
  EXPECT_NEAR(worse.p_dense.value_or(-1), expected[1], 1e-12);
  EXPECT_NEAR(worse.p_best.value_or(-1), expected[2], 1e-12);
  EXPECT_TRUE(best.best);
  EXPECT_FALSE(best.p_best);
  EXPECT_EQ(best.beside_dense, Tested::Same);
  EXPECT_EQ(worse.beside_dense, Tested::Worse);
  EXPECT_EQ(worse.beside_best, Tested::Worse);
  EXPECT_NE(
      notes(made).find("exact McNemar test on the same examples, corrected by Holm for 3 comparisons, level 0.05"),
      std::string::npos);
  EXPECT_NE(render(made, Format::Terminal).find("0.450 ↓\n"), std::string::npos);
  EXPECT_NE(render(made, Format::Latex).find("0.450 $\\downarrow$"), std::string::npos);
  EXPECT_NE(render(made, Format::Csv).find(",p_dense,beside_dense,p_best,beside_best\r\n"), std::string::npos);
}

TEST_F(PairedTests, MarksWhatIsNotToldApartFromTheBest) {
  add(with(0.5, 0, "magnitude"), answering(dense_, outcomes(0, 156)));
  add(with(0.5, 0, "fisher"), answering(dense_, outcomes(10, 154)));

  const auto made = table(tested());

  EXPECT_EQ(made.rows[2].cells[0].beside_best, Tested::Same);
  EXPECT_NE(render(made, Format::Markdown).find("0.770 ≈"), std::string::npos);
}

// More is better of an accuracy, less of an error rate.
TEST_F(PairedTests, KnowsWhichWayIsBetter) {
  add(with(0.5), answering(outcomes(0, 90), outcomes(0, 160)));
  EXPECT_EQ(table(tested()).rows[1].cells[0].beside_dense, Tested::Better);
}

TEST_F(PairedTests, OfWordErrorRatesResamplesUtterances) {
  const auto heard = [](const std::string& kind, std::int64_t errors_in_ten) {
    auto point = test::sample_point(kind, kind == "dense" ? 0 : 0.5, {});
    point.predictions_digest = kind;
    std::int64_t errors = 0;
    for (std::int64_t utterance = 0; utterance < 100; ++utterance) {
      point.example_numbers["words"].push_back(8);
      point.example_numbers["word_errors"].push_back(utterance % 10 < errors_in_ten ? 2 : 0);
      errors += point.example_numbers["word_errors"].back();
    }
    point.metrics["wer"] = static_cast<double>(errors) / 800;
    return point;
  };
  auto attempt = done_attempt(0);
  attempt.points = {heard("dense", 1), heard("pruned", 5)};
  add(with(0.5), attempt);
  auto request = tested();
  request.value = "wer";

  const auto made = table(request);

  EXPECT_EQ(made.rows[1].cells[0].beside_dense, Tested::Worse);
  EXPECT_LT(made.rows[1].cells[0].p_dense.value_or(1), 0.001);
  EXPECT_NE(notes(made).find("bootstrap over utterances"), std::string::npos);
}

// A mean over seeds is one of each example, too; seeds are no further examples.
TEST_F(PairedTests, OfSeveralSeedsResamplesExamples) {
  for (std::int64_t seed = 0; seed < 3; ++seed)
    add(with(0.5, seed), answering(dense_, outcomes(static_cast<std::size_t>(seed), 100)));

  const auto made = table(tested());

  EXPECT_EQ(made.rows[1].cells[0].n, 3);
  EXPECT_EQ(made.rows[1].cells[0].beside_dense, Tested::Worse);
  EXPECT_NE(notes(made).find("of means over seeds by all signs of the examples' differences"), std::string::npos);
}

TEST_F(PairedTests, IsNotMadeUpWhereAnswersAreMissingOrOfAnotherValue) {
  auto attempt = answering(dense_, outcomes(0, 100));
  attempt.points[1].metrics["accuracy"] = 0.9;  // not what was answered
  add(with(0.5, 0, "magnitude"), attempt);
  auto forgotten = answering(dense_, outcomes(0, 100));
  forgotten.points[1].predictions.clear();
  forgotten.points[1].predictions_digest = "nowhere";
  add(with(0.5, 0, "fisher"), forgotten);

  const auto made = table(tested());

  EXPECT_FALSE(made.rows[1].cells[0].p_dense);
  EXPECT_FALSE(made.rows[2].cells[0].p_dense);
  EXPECT_NE(notes(made).find("not tested: 1 comparison: what is kept of the examples gives another value"),
            std::string::npos);
  EXPECT_NE(notes(made).find("not tested: 2 comparisons: what was said of each example is not kept"), std::string::npos)
      << notes(made);
}

TEST_F(PairedTests, RefusesALevelThatIsNone) {
  add(with(0.5), answering(dense_, dense_));
  for (const double level : {1.0, 7.0, -0.1}) {
    EXPECT_NE(test::message_of<SettingsError>([&] { table(tested(level)); }).find("expected a level between 0 and 1"),
              std::string::npos);
  }
}

TEST_F(PairedTests, LeavesATableWithoutItAsItWas) {
  add(with(0.5), answering(dense_, outcomes(0, 90)));
  auto request = tested();
  request.significance.reset();
  EXPECT_EQ(render(table(request), Format::Csv).find("p_dense"), std::string::npos);
  EXPECT_EQ(render(table(request), Format::Terminal).find("↓"), std::string::npos);
}

// Every text is a string: nothing in it is carried out.
TEST_F(PairedTests, TypstTablesQuoteHostileNames) {
  auto settings = with(0.5);
  settings.scorer.name = "#import \"x\" \\ $a$ ]";
  add(settings, answering(dense_, outcomes(0, 90)));
  const auto text = render(table(tested()), Format::Typst);
  EXPECT_NE(text.find("\"#import \\\"x\\\" \\\\ $a$ ]\""), std::string::npos) << text;
  EXPECT_NE(text.find("strong(\"0.450 ↓\")"), std::string::npos) << text;
}

}  // namespace
}  // namespace espalier::report
