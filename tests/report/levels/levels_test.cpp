// Levels of sparsity that nobody asked cells for.
#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "../table_cells.h"
#include "support/message_of.h"

namespace espalier::report {
namespace {

class Levels : public Tables {
 protected:
  Table at(const std::vector<double>& levels, const std::string& value = "") const {
    TableRequest request{{"scorer"}, {"sparsity"}, value};
    request.at = levels;
    return table(request);
  }
  // Of the first row that is not dense, by the text of its column.
  static TableCell cell(const Table& table, const std::string& column) {
    for (const auto& row : table.rows) {
      for (std::size_t i = 0; !row.dense && i < row.cells.size(); ++i) {
        if (table.columns[i][0].text == column) return row.cells[i];
      }
    }
    ADD_FAILURE() << "no column " << column;
    return {};
  }
  void add_three() {
    add(with(0.2), done_attempt(0.8, 0.2));
    add(with(0.4), done_attempt(0.7, 0.4));
    add(with(0.8), done_attempt(0.3, 0.8));
  }
};

TEST_F(Levels, LieOnTheLineBetweenTheMeasuredNeighbours) {
  add_three();

  const auto made = at({0.3, 0.5});

  ASSERT_EQ(made.columns.size(), 5U);
  EXPECT_NEAR(*cell(made, "0.3").mean, 0.75, 1e-12);  // half of the way from 0.8 to 0.7
  EXPECT_NEAR(*cell(made, "0.5").mean, 0.6, 1e-12);   // a quarter of the way from 0.7 to 0.3
  EXPECT_TRUE(cell(made, "0.3").interpolated());
  EXPECT_EQ(cell(made, "0.3").n, 0);
  EXPECT_EQ(cell(made, "0.5").neighbours[0].sparsity, 0.4);
  EXPECT_EQ(cell(made, "0.5").neighbours[1].mean, 0.3);
  EXPECT_FALSE(cell(made, "0.4").interpolated());
}

TEST_F(Levels, GoByAchievedSparsityNotByTheRequested) {
  add(with(0.2), done_attempt(0.8, 0.25));
  add(with(0.4), done_attempt(0.6, 0.45));

  EXPECT_NEAR(*cell(at({0.35}), "0.35").mean, 0.7, 1e-12);
}

TEST_F(Levels, BelowTheFirstCellLieOnTheLineToTheDenseModel) {
  add(with(0.4), done_attempt(0.7, 0.4, 0.9));

  const auto made = at({0.1});

  EXPECT_NEAR(*cell(made, "0.1").mean, 0.85, 1e-12);
  EXPECT_EQ(made.rows[0].cells[0].mean, 0.9);  // the dense row has the new column too
  EXPECT_FALSE(made.rows[0].cells[0].interpolated());
}

TEST_F(Levels, AreNeverBeyondTheEnds) {
  add_three();

  const auto made = at({0.9});

  EXPECT_TRUE(cell(made, "0.9").empty());
  EXPECT_NE(notes(made).find("not read off a line: 1 beyond the ends of what was measured\n"), std::string::npos)
      << notes(made);
}

TEST_F(Levels, AreNeverOverANeighbourThatIsNotWhole) {
  auto diverged = done_attempt(0.1, 0.6);
  diverged.points.back().kind = "diverged";
  for (const auto& broken :
       {std::optional(failed_attempt("out of luck")), std::optional<Attempt>(), std::optional(diverged)}) {
    test::TempDir other;
    store::ResultStore own(other / "results.db", store::Mode::Create);
    own.insert(sample_experiment(),
               {sample_cell("a", with(0.4)), sample_cell("b", with(0.8)), sample_cell("c", with(0.6))}, false);
    ASSERT_TRUE(own.finish(*own.claim("demo", "a", 1000), done_attempt(0.7, 0.4)));
    ASSERT_TRUE(own.finish(*own.claim("demo", "a", 1000), done_attempt(0.3, 0.8)));
    if (broken) {
      ASSERT_TRUE(own.finish(*own.claim("demo", "a", 1000), *broken));
    }
    TableRequest request{{"scorer"}, {"sparsity"}, ""};
    request.at = {0.5, 0.7, 0.2};
    const auto made = make_table(own, "demo", request);
    EXPECT_TRUE(cell(made, "0.5").empty());
    EXPECT_TRUE(cell(made, "0.7").empty());
    EXPECT_NEAR(*cell(made, "0.2").mean, 0.8, 1e-12);  // between dense and 0.4
    EXPECT_NE(notes(made).find("2 beside a neighbour that failed, has not run, diverged or has no value\n"),
              std::string::npos)
        << notes(made);
  }
}

TEST_F(Levels, ThatWereMeasuredStayMeasured) {
  add(with(0.25), done_attempt(0.7, 0.3));
  add(with(0.5), done_attempt(0.4, 0.5));

  const auto made = at({0.3, 0.5});

  EXPECT_EQ(*cell(made, "0.3").mean, 0.7);
  EXPECT_FALSE(cell(made, "0.3").interpolated());
  EXPECT_EQ(cell(made, "0.3").n, 1);
  EXPECT_EQ(made.columns.size(), 3U);  // 0.5 is there already
  EXPECT_EQ(*cell(made, "0.5").mean, 0.4);
}

// A level is of achieved sparsity: where what was requested came to something else, it has a column of its own.
TEST_F(Levels, AreNotWhatWasRequested) {
  add(with(0.2), done_attempt(0.8, 0.2));
  add(with(0.3), done_attempt(0.6, 0.5));
  add(with(0.4), done_attempt(0.5, 0.6));

  const auto made = at({0.3});

  EXPECT_EQ(*cell(made, "0.3").mean, 0.6);
  EXPECT_FALSE(cell(made, "0.3").interpolated());
  EXPECT_NEAR(*cell(made, "achieved 0.3").mean, 0.8 - 0.2 / 3, 1e-12);
  EXPECT_TRUE(cell(made, "achieved 0.3").interpolated());
}

TEST_F(Levels, OfOneCellAreReadOffItsSteps) {
  auto attempt = done_attempt(0.3, 0.8);
  attempt.points.insert(attempt.points.begin() + 1, attempt.points.back());
  attempt.points[1].step = 1;
  attempt.points[1].achieved_sparsity = 0.4;
  attempt.points[1].metrics = {{"accuracy", 0.7}};
  attempt.points[2].step = 2;
  add(with(0.8), attempt);

  const auto made = at({0.6, 0.2});

  EXPECT_NEAR(*cell(made, "0.6").mean, 0.5, 1e-12);
  EXPECT_EQ(cell(made, "0.6").neighbours[0].sparsity, 0.4);
  EXPECT_NEAR(*cell(made, "0.2").mean, 0.8, 1e-12);
}

TEST_F(Levels, AreMeansOverSeedsAtTheirMeanSparsity) {
  add(with(0.4, 0), done_attempt(0.7, 0.38));
  add(with(0.4, 1), done_attempt(0.5, 0.42));
  add(with(0.8, 0), done_attempt(0.2, 0.8));

  EXPECT_NEAR(*cell(at({0.6}), "0.6").mean, 0.4, 1e-12);  // between 0.6 at 0.4 and 0.2 at 0.8
}

TEST_F(Levels, AreMarkedInEveryFormat) {
  add_three();
  const auto made = at({0.3});

  EXPECT_NE(render(made, Format::Terminal).find("0.750†"), std::string::npos) << render(made, Format::Terminal);
  EXPECT_NE(render(made, Format::Markdown).find("| 0.750† |"), std::string::npos);
  EXPECT_NE(render(made, Format::Latex).find("0.750$\\dagger$"), std::string::npos);
  EXPECT_NE(render(made, Format::Typst).find("\"0.750†\""), std::string::npos);
  EXPECT_NE(notes(made).find("†: not measured; read off the line between the two measured neighbours"),
            std::string::npos);
  const auto csv = render(made, Format::Csv);
  EXPECT_NE(csv.find(",kind,left_sparsity,left_mean,right_sparsity,right_mean\r\n"), std::string::npos);
  EXPECT_NE(csv.find(",interpolated,0.2,0.8,0.4,0.7\r\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",measured,,,,\r\n"), std::string::npos) << csv;
  const auto document = nlohmann::json::parse(render(made, Format::Json));
  int interpolated = 0;
  for (const auto& one : document["cells"]) {
    if (one["kind"] != "interpolated") continue;
    ++interpolated;
    EXPECT_EQ(one["neighbours"], nlohmann::json::parse(R"([{"sparsity":0.2,"mean":0.8},{"sparsity":0.4,"mean":0.7}])"));
    EXPECT_TRUE(one["low"].is_null());
    EXPECT_EQ(one["n"], 0);
  }
  EXPECT_EQ(interpolated, 1);
}

TEST_F(Levels, AreNeitherBestNorTested) {
  add_three();
  TableRequest request{{"scorer"}, {"sparsity"}, ""};
  request.at = {0.3};
  request.best = true;

  const auto made = table(request);

  EXPECT_FALSE(cell(made, "0.3").best);
  EXPECT_TRUE(cell(made, "0.4").best);
}

TEST_F(Levels, ThatMeanNothingAreRefused) {
  add_three();
  const auto refusal = [&](const std::vector<double>& levels, const std::string& columns, const std::string& value) {
    TableRequest request{{"scorer"}, {columns}, value};
    request.at = levels;
    return test::message_of<SettingsError>([&] { table(request); });
  };

  EXPECT_EQ(refusal({1.5}, "sparsity", ""), "--at 1.5: expected achieved sparsities from 0 to 1, as in 0.1,0.2");
  EXPECT_EQ(refusal({0.1}, "seed", ""),
            "--at: levels are of achieved sparsity, and the columns are seed\n    expected sparsity among them, as in "
            "--columns sparsity");
  EXPECT_EQ(refusal({0.1}, "sparsity", "attempts"),
            "--at: attempts is of a whole cell, and lies on no line\n    choose a metric, a size or a time by --value");
}

}  // namespace
}  // namespace espalier::report
