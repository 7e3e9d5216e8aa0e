#include "store/coded/coded_rows.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "store/sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

bool is_same(const Value& one, const Value& other) {
  return one.kind == other.kind && one.integer == other.integer && one.real == other.real && one.text == other.text;
}

TEST(CodedColumn, GivesEqualValuesOneCodeAndTellsKindsApart) {
  CodedColumn column;
  column.add(std::int64_t{1});
  column.add(1.0);
  column.add(std::string_view("1"));
  column.add_null();
  column.add(std::string_view(""));
  column.add(1.0);
  column.add(std::int64_t{1});
  column.add(std::string_view("1"));

  EXPECT_EQ(column.codes(), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 1, 0, 2}));
  EXPECT_EQ(column.values().size(), 5U);
  EXPECT_EQ(column.at(7).text, "1");
}

TEST(CodedColumn, FindsEachOfManyValuesAgain) {
  CodedColumn column;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5000; ++i) column.add(std::string_view(std::to_string(i)));
  }

  ASSERT_EQ(column.values().size(), 5000U);
  for (std::size_t row = 0; row < column.size(); ++row) EXPECT_EQ(column.at(row).text, std::to_string(row % 5000));
}

TEST(CodedColumn, LeavesAnArrangedOneWhatItIs) {
  CodedColumn column;
  for (const auto* text : {"a", "b", "c"}) column.add(std::string_view(text));

  auto other = column.arranged({2, 0, 0});
  other.add(std::string_view("d"));
  other.add(std::string_view("a"));
  column.add(std::string_view("e"));
  column.filter({true, false, true, true});

  const auto texts = [](const CodedColumn& of) {
    std::string all;
    for (std::size_t row = 0; row < of.size(); ++row) all += of.at(row).text;
    return all;
  };
  EXPECT_EQ(texts(other), "caada");
  EXPECT_EQ(other.code(1), other.code(4));
  EXPECT_EQ(texts(column), "ace");
}

// Two experiments that share a cell, steps, failures, a second attempt, positions that an earlier state of the file took.
class CodedReading : public ::testing::Test {
 protected:
  void SetUp() override {
    auto cells = test::sample_cells(30);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      auto settings = test::sample_settings();
      settings.seed = static_cast<std::int64_t>(i % 3);
      settings.scorer.name = i % 2 == 0 ? "magnitude" : "fisher";
      if (i % 5 == 0) settings.budget = {BudgetKind::Heads, 2};
      cells[i].settings = to_json(settings).dump();
      cells[i].source = i % 4 == 0 ? "" : R"({"checkpoint":"abc","results_version":1})";
    }
    store.insert(test::sample_experiment("z"), cells, false);
    for (int i = 0; i < 29; ++i) finish(i);
    std::reverse(cells.begin(), cells.end());
    cells.resize(20);
    store.insert(test::sample_experiment("z"), cells, false);
    store.insert(test::sample_experiment("a"), {cells[7]}, false);
    store.let_wait_again({"k3"});
    store.insert(test::sample_experiment("z"), {{"k3", cells[3].settings}}, false);
    store.finish(*store.claim("z", "w", test::long_lease), test::done_attempt(0.3));
  }

  void finish(int i) {
    const auto claim = store.claim("z", "w", test::long_lease);
    auto attempt = i % 7 == 3 ? test::failed_attempt("no memory") : test::done_attempt(0.5 + i * 0.01);
    if (i % 3 == 1 && attempt.timing) attempt.timing->memory_shortages = i;
    attempt.environment["device"] = i % 2 == 0 ? "cpu" : "cuda:0";
    if (i % 7 != 3) {
      attempt.points.back().metrics["cross_entropy"] = i % 6 == 0 ? std::nan("") : 0.1;
      attempt.points.back().metrics["bleu"] = std::nan("");
      if (i % 4 == 0) {
        auto step = attempt.points.back();
        attempt.points.back().step = 1;
        attempt.points.insert(attempt.points.begin() + 1, step);
      }
    }
    ASSERT_TRUE(store.finish(*claim, attempt));
  }

  static void expect_same(const CodedRows& rows, const Rows& view) {
    ASSERT_EQ(rows.count, view.rows.size());
    for (std::size_t i = 0; i < rows.names.size(); ++i) {
      const auto found = std::find(view.columns.begin(), view.columns.end(), rows.names[i]);
      if (found == view.columns.end()) continue;
      const auto place = static_cast<std::size_t>(found - view.columns.begin());
      for (std::size_t row = 0; row < rows.count; ++row)
        EXPECT_TRUE(is_same(rows.columns[i].at(row), view.rows[row][place])) << rows.names[i] << " in row " << row;
    }
  }

  test::TempDir folder;
  ResultStore store{folder / "results.db", Mode::Create};
};

TEST_F(CodedReading, SaysOfCellsAndPointsWhatTheViewsSay) {
  // Of `a`, one cell of thirty, each row is looked up; of the others whole tables are read.
  for (const std::string experiment : {"", "z", "a", "none"}) {
    const auto cells = store.cells(experiment), points = store.points(experiment);
    const auto detailed = store.cells_in_detail(experiment, cells.columns);
    expect_same(detailed.rows, cells);
    expect_same(store.points_of(detailed, points.columns), points);
  }
  EXPECT_GT(store.points("a").rows.size(), 1U);
}

TEST_F(CodedReading, TellsWhatBelongsToTheAttemptThatCounts) {
  const auto cells =
      store.cells_in_detail("", {"key", "settings", "source", "files", "computed_on", "memory_shortages", "inserted"})
          .rows;

  const auto& keys = *cells.find("key");
  for (std::size_t row = 0; row < cells.count; ++row) {
    const auto i = std::stoi(keys.at(row).text.substr(1));
    const bool ran = i < 29 && i != 3;
    EXPECT_EQ(cells.find("source")->at(row).text.empty(), i % 4 == 0) << i;
    EXPECT_EQ(cells.find("inserted")->at(row).integer, i + 1);
    if (!ran) continue;
    EXPECT_EQ(cells.find("computed_on")->at(row).text, i % 2 == 0 ? "cpu" : "cuda:0");
    EXPECT_EQ(cells.find("memory_shortages")->at(row).integer, i % 3 == 1 && i % 7 != 3 ? i : 0) << i;
    EXPECT_EQ(cells.find("files")->at(row).text, i % 7 == 3 ? "{}" : R"({"scorer":"def"})") << i;
  }
}

TEST_F(CodedReading, TakesSettingsApart) {
  const auto cells = store.cells_in_detail(
      "z", {"settings", "settings.scorer", "settings.budget", "settings.seed", "settings.softmax_scale", "settings.x"});

  for (std::size_t row = 0; row < cells.rows.count; ++row) {
    const auto settings = nlohmann::json::parse(cells.rows.find("settings")->at(row).text);
    for (const std::string member : {"scorer", "budget", "seed", "softmax_scale"})
      EXPECT_EQ(cells.rows.find("settings." + member)->at(row).text, settings.at(member).dump());
    EXPECT_EQ(cells.rows.find("settings.x")->at(row).kind, Value::Kind::Null);
  }
}

TEST_F(CodedReading, RefusesUnknownColumns) {
  const auto cells = store.cells_in_detail("", {"key", "state"});

  EXPECT_THROW(store.cells_in_detail("", {"colour"}), StoreError);
  EXPECT_THROW(store.points_of(cells, {"acuracy"}), StoreError);
  EXPECT_THROW(store.points_of(store.cells_in_detail("", {"key"}), {"accuracy"}), StoreError);
}

}  // namespace
}  // namespace espalier::store
