// Values against the dense model and the best of their column, with p values that a reader can work out.
#include <espalier/error.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../table_cells.h"
#include "report/significance/kept_answers.h"
#include "support/message_of.h"

namespace espalier::report {
namespace {

class Significance : public Tables {
 protected:
  // Of 40 examples the dense model has the first 36 right.
  void add_answers(double sparsity, const std::string& scorer, const std::string& answers, std::int64_t seed = 0) {
    const auto right = static_cast<double>(std::count(answers.begin(), answers.end(), '1'));
    auto attempt = done_attempt(right / 40);
    set_answers(attempt.points[0], first_right(36));
    set_answers(attempt.points[1], answers);
    add(with(sparsity, seed, scorer), attempt);
  }
  static std::string first_right(std::size_t count) { return std::string(count, '1') + std::string(40 - count, '0'); }
  static void set_answers(Point& point, const std::string& answers) {
    point.predictions = answers;
    point.predictions_digest = "digest of " + answers;
    point.mask_digest = point.kind == "dense" ? "" : "mask of " + answers;
    point.examples = 40;
  }
  Table tested(double level = 0.05) const {
    TableRequest request;
    request.fits_rows = request.fits_columns = true;
    request.significance = level;
    return table(request);
  }
  static const TableRow& row_of(const Table& table, const std::string& scorer) {
    for (const auto& row : table.rows) {
      for (const auto& name : row.names) {
        if (!row.dense && name.text == scorer) return row;
      }
    }
    throw std::runtime_error("no row of " + scorer);
  }
};

// Ten answers lost and none won: p = 2 / 2^10. One lost: p = 1. Holm multiplies the least of three by 3.
TEST_F(Significance, OfAccuraciesIsMcNemarsCorrectedByHolm) {
  add_answers(0.5, "fisher", first_right(35));
  add_answers(0.5, "magnitude", first_right(26));

  const auto made = tested();

  const auto& magnitude = row_of(made, "magnitude").cells.at(0);
  const auto& fisher = row_of(made, "fisher").cells.at(0);
  // Against the dense model ten of ten, against fisher nine of nine.
  EXPECT_NEAR(magnitude.p_dense.value(), 3 * 2 / std::pow(2.0, 10), 1e-12);
  EXPECT_NEAR(magnitude.p_best.value(), 2 * 2 / std::pow(2.0, 9), 1e-12);
  EXPECT_EQ(magnitude.beside_dense, Tested::Worse);
  EXPECT_EQ(magnitude.beside_best, Tested::Worse);
  EXPECT_EQ(fisher.p_dense.value(), 1);
  EXPECT_EQ(fisher.beside_dense, Tested::Same);
  EXPECT_TRUE(fisher.best);
  EXPECT_FALSE(fisher.p_best.has_value());
  EXPECT_NE(render(made, Format::Terminal).find("0.650 ↓"), std::string::npos) << render(made, Format::Terminal);
  EXPECT_NE(
      notes(made).find("exact McNemar test on the same examples, corrected by Holm for 3 comparisons, level 0.05"),
      std::string::npos)
      << notes(made);
}

TEST_F(Significance, MarksWhatIsNotToldApartFromTheBest) {
  add_answers(0.5, "fisher", first_right(35));
  add_answers(0.5, "magnitude", first_right(34));

  const auto made = tested();

  EXPECT_EQ(row_of(made, "magnitude").cells.at(0).beside_best, Tested::Same);
  EXPECT_NE(render(made, Format::Terminal).find("0.850 ≈"), std::string::npos) << render(made, Format::Terminal);
}

TEST_F(Significance, OfSeveralSeedsResamplesExamplesOfTheirMean) {
  add_answers(0.5, "magnitude", first_right(10), 0);
  add_answers(0.5, "magnitude", first_right(12), 1);

  const auto made = tested();

  EXPECT_EQ(row_of(made, "magnitude").cells.at(0).beside_dense, Tested::Worse);
  EXPECT_NE(notes(made).find("of means over seeds by all signs of the examples' differences"), std::string::npos)
      << notes(made);
}

TEST_F(Significance, SaysWhatCouldNotBeTested) {
  add(with(0.5), done_attempt(0.5));  // the answers kept of the dense model are not those of its accuracy

  const auto made = tested();

  EXPECT_FALSE(row_of(made, "magnitude").cells.at(0).p_dense.has_value());
  EXPECT_NE(notes(made).find("not tested: 1 comparison: what is kept of the examples gives another value"),
            std::string::npos)
      << notes(made);
}

TEST_F(Significance, NeedsALevel) {
  add(with(0.5), done_attempt(0.5));
  EXPECT_EQ(test::message_of<SettingsError>([&] { tested(1.5); }),
            "--significance 1.5: expected a level between 0 and 1, as in 0.05");
}

// A metric that was changed since, or never was that of these answers, is told by cell.
TEST_F(Significance, KnowsValuesThatTheirAnswersContradict) {
  add_answers(0.5, "fisher", first_right(35));
  EXPECT_TRUE(contradicted_values(store, "").empty());
  add(with(0.5), done_attempt(0.5));

  const auto found = contradicted_values(store, "");

  ASSERT_FALSE(found.empty());
  for (const auto& value : found) {
    EXPECT_EQ(value.metric, "accuracy");
    EXPECT_GT(std::abs(value.recorded - value.again), 1e-3);
  }
}

}  // namespace
}  // namespace espalier::report
