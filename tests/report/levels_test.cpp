// Levels of an axis over the blocks that they share; the numbers are those of autorank (tests/statistics/golden.py).
#include "report/comparing/levels.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/message_of.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

class Levels : public Tables {
 protected:
  // A block is a sparsity, a level a scorer; each cell's accuracy is given.
  void add_blocks(const std::vector<std::vector<double>>& blocks) {
    for (std::size_t block = 0; block < blocks.size(); ++block) {
      for (std::size_t level = 0; level < blocks[block].size(); ++level) {
        add(with(0.01 * static_cast<double>(block + 1), 0, "m" + std::to_string(level)),
            done_attempt(blocks[block][level]));
      }
    }
  }
  LevelComparison compared(const LevelsRequest& request = {"scorer"}) const {
    return compare_levels(store, "demo", request);
  }
};

nlohmann::json ranked() {
  std::ifstream file(std::string(ESPALIER_SOURCE_DIR) + "/tests/fixtures/statistics/golden.json");
  return nlohmann::json::parse(file).at("ranked");
}

TEST_F(Levels, AreRankedAsAutorankDoes) {
  const auto golden = ranked()[1];  // 4 methods, 12 blocks
  add_blocks(golden["blocks"]);

  const auto made = compared();

  EXPECT_EQ(made.test, "friedman");
  EXPECT_EQ(made.blocks, 12);
  EXPECT_NEAR(made.p, golden["p"].get<double>(), 1e-9);
  EXPECT_NEAR(made.critical_difference.value_or(0), golden["critical_difference"].get<double>(), 1e-4);
  ASSERT_EQ(made.levels.size(), 4U);
  EXPECT_EQ(made.levels[0].name, "m3");
  for (const auto& level : made.levels)
    EXPECT_NEAR(level.mean_rank, golden["mean_ranks"][static_cast<std::size_t>(level.name[1] - '0')].get<double>(),
                1e-12);
  // Ranks 1.5, 2.08, 2.58 lie within 1.354 of the first, and 2.58, 3.83 of each other.
  EXPECT_EQ(made.groups, (std::vector<std::pair<std::size_t, std::size_t>>{{0, 2}, {2, 3}}));
  for (const auto& pair : made.pairs) {
    const bool far = pair.other == "m0" && (pair.one == "m3" || pair.one == "m2");
    EXPECT_EQ(pair.verdict, far ? "differ" : "not told apart") << pair.one << pair.other;
  }
}

TEST_F(Levels, OfTwoAreComparedByWilcoxon) {
  const auto golden = ranked()[4];
  add_blocks(golden["blocks"]);
  const auto made = compared();
  EXPECT_EQ(made.test, "wilcoxon");
  EXPECT_NEAR(made.p, 2 * golden["p"].get<double>(), 1e-12);
  EXPECT_FALSE(made.critical_difference);
  EXPECT_EQ(made.pairs.at(0).verdict, "not told apart");
}

// Seeds are averaged, not counted as problems of their own; a block that lacks a level is left out and counted.
TEST_F(Levels, AverageSeedsAndLeaveIncompleteBlocksOut) {
  for (std::int64_t seed = 0; seed < 3; ++seed) {
    add(with(0.25, seed, "a"), done_attempt(0.5 + 0.1 * static_cast<double>(seed)));
    add(with(0.25, seed, "b"), done_attempt(0.4));
  }
  add(with(0.5, 0, "a"), done_attempt(0.3));

  const auto made = compared();

  EXPECT_EQ(made.blocks, 1);
  EXPECT_EQ(made.incomplete_blocks, 1);
  EXPECT_EQ(made.levels[0].name, "a");
  EXPECT_NEAR(made.levels[0].mean, 0.6, 1e-12);
  EXPECT_EQ(made.p, 1);  // of one block nothing can be said
}

// Of an error rate the least is the best.
TEST_F(Levels, KnowWhichWayIsBetter) {
  for (const auto& [scorer, cross_entropy] : {std::pair{"a", 2.0}, {"b", 1.0}}) {
    auto attempt = done_attempt(0.5);
    attempt.points.back().metrics["cross_entropy"] = cross_entropy;
    add(with(0.5, 0, scorer), attempt);
  }
  EXPECT_EQ(compared({"scorer", "cross_entropy"}).levels[0].name, "b");
}

TEST_F(Levels, SayWhatIsEqualInPractice) {
  add_blocks({{0.70, 0.71, 0.5}, {0.60, 0.61, 0.4}, {0.50, 0.51, 0.3}});
  LevelsRequest request{"scorer"};
  request.negligible = 0.02;
  for (const auto& pair : compared(request).pairs)
    EXPECT_EQ(pair.verdict == "equal in practice", pair.one != "m2" && pair.other != "m2") << pair.one << pair.other;
}

TEST_F(Levels, ThatCannotBeComparedAreRefused) {
  add(with(0.25, 0, "a"), done_attempt(0.5));
  const auto message = [&](const LevelsRequest& request) {
    return test::message_of<SettingsError>([&] { compared(request); });
  };
  EXPECT_NE(message({"scorer"}).find("--compare scorer: 1 level was measured, expected two or more"),
            std::string::npos)
      << message({"scorer"});
  add(with(0.5, 0, "b"), done_attempt(0.5));
  EXPECT_NE(message({"scorer"}).find("no block of the grid has all of a, b"), std::string::npos) << message({"scorer"});
  EXPECT_NE(message({"scorer", "parameters_dense"}).find("neither more nor less is better"), std::string::npos);
  EXPECT_NE(message({"scorrer"}).find("scorer"), std::string::npos);
  EXPECT_NE(message({"scorer", "acuracy"}).find("accuracy"), std::string::npos);
}

TEST_F(Levels, ArePrintedForPeopleAndPrograms) {
  add_blocks(ranked()[1]["blocks"]);
  const auto made = compared();
  const auto text = render(made, Format::Terminal);
  EXPECT_NE(text.find("demo: levels of scorer by accuracy"), std::string::npos) << text;
  EXPECT_NE(text.find("m3 and m0: differ, p "), std::string::npos) << text;
  const auto json = nlohmann::json::parse(render(made, Format::Json));
  EXPECT_EQ(json["levels"][0]["name"], "m3");
  EXPECT_EQ(json["groups"][1], nlohmann::json({"m1", "m0"}));
  EXPECT_EQ(json["pairs"].size(), 6U);
  EXPECT_NE(render(made, Format::Csv).find("m3,1.5,"), std::string::npos);
  EXPECT_NE(render(made, Format::Latex).find("\\toprule"), std::string::npos);
}

}  // namespace
}  // namespace espalier::report
