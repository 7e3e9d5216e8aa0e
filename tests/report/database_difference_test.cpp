#include "report/comparing/database_difference.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::report {
namespace {

using test::done_attempt;
using test::failed_attempt;
using test::sample_cells;
using test::sample_experiment;

class DatabaseDifferences : public ::testing::Test {
 protected:
  static void finish(store::ResultStore& store, const Attempt& attempt) {
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt));
  }
  DatabaseDifference difference(double tolerance = 0) const { return difference_of(one, "", two, "", tolerance); }
  std::string text(double tolerance = 0) const { return as_text(difference(tolerance), "one.db", "two.db"); }

  test::TempDir folder;
  store::ResultStore one{folder / "one.db", store::Mode::Create};
  store::ResultStore two{folder / "two.db", store::Mode::Create};
};

TEST_F(DatabaseDifferences, AreNoneBetweenEqualResults) {
  for (auto* store : {&one, &two}) {
    store->insert(sample_experiment(), sample_cells(2), false);
    finish(*store, done_attempt(0.8));
  }

  EXPECT_TRUE(difference().is_empty());
  EXPECT_EQ(text(),
            "A: one.db, 2 cells\nB: two.db, 2 cells\nin both: 2 cells, 2 equal (1 done in neither), 0 differ\n"
            "only in A: 0, only in B: 0\n");
}

TEST_F(DatabaseDifferences, AreNamedWithTheLargest) {
  for (auto* store : {&one, &two}) store->insert(sample_experiment(), sample_cells(3), false);
  finish(one, done_attempt(0.75));
  finish(two, done_attempt(0.5));
  finish(one, done_attempt(0.75));
  auto other = done_attempt(0.625);
  other.points[1].mask_digest = "another mask";
  other.points[1].predictions_digest = "other outcomes";
  finish(two, other);
  finish(one, done_attempt(0.8));
  finish(two, failed_attempt("no memory"));

  EXPECT_EQ(text(),
            "A: one.db, 3 cells\nB: two.db, 3 cells\nin both: 3 cells, 0 equal, 3 differ\nonly in A: 0, only in B: 0\n"
            "\nwhat differs          cells  largest difference\n"
            "accuracy                  2  0.25 (k0)\n"
            "mask                      1\n"
            "predictions               1\n"
            "state                     1\n"
            "\nk0\n  accuracy of point 0 pruned: 0.75 in A, 0.5 in B\n"
            "k1\n  accuracy of point 0 pruned: 0.75 in A, 0.625 in B\n"
            "  mask of point 0 pruned: mask in A, another mask in B\n"
            "  predictions of point 0 pruned: outcomes in A, other outcomes in B\n"
            "k2\n  state: done in A, failed in B\n");
  const auto document = as_json(difference(), "one.db", "two.db");
  EXPECT_EQ(document.at("matched"), 3);
  EXPECT_EQ(document.at("differing"), 3);
  EXPECT_EQ(document.at("differences").at(0).dump(), R"({"what":"accuracy","cells":2,"largest":0.25,"key":"k0"})");
  EXPECT_EQ(document.at("cells").at(2).at("differences").at(0).dump(),
            R"({"what":"state","point":null,"a":"done","b":"failed","difference":null})");
}

TEST_F(DatabaseDifferences, WithinTheToleranceAreNone) {
  for (auto* store : {&one, &two}) store->insert(sample_experiment(), sample_cells(1), false);
  finish(one, done_attempt(0.75));
  finish(two, done_attempt(0.5));

  EXPECT_FALSE(difference(0.125).is_empty());
  EXPECT_TRUE(difference(0.25).is_empty());
}

TEST_F(DatabaseDifferences, AreOfCellsThatOneAloneHas) {
  one.insert(sample_experiment(), sample_cells(2), false);
  auto cells = sample_cells(3);
  cells.erase(cells.begin());
  two.insert(sample_experiment(), cells, false);

  const auto found = difference();

  EXPECT_FALSE(found.is_empty());
  EXPECT_EQ(found.only_in_one, (std::vector<std::string>{"k0"}));
  EXPECT_EQ(found.only_in_two, (std::vector<std::string>{"k2"}));
  EXPECT_TRUE(text().ends_with("\nonly in A:\n  k0\n\nonly in B:\n  k2\n")) << text();
}

TEST_F(DatabaseDifferences, AreOfPointsThatOneAloneHas) {
  for (auto* store : {&one, &two}) store->insert(sample_experiment(), sample_cells(1), false);
  auto longer = done_attempt(0.8);
  longer.points.push_back(test::sample_point("recovered", 0.5, {{"accuracy", 0.9}}));
  finish(one, done_attempt(0.8));
  finish(two, longer);

  EXPECT_TRUE(
      text().ends_with("\nk0\n  points: 2 in A, 3 in B\n  points of point 0 recovered: absent in A, there in B\n"))
      << text();
}

}  // namespace
}  // namespace espalier::report
