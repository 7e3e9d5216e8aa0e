// Scorers set against each other, held against the package autorank by way of the numbers in golden.json
// (tests/statistics/golden.py).
#include "report/comparing/axis_comparison.h"

#include <espalier/error.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "../table_cells.h"
#include "support/message_of.h"

namespace espalier::report {
namespace {

class AxisComparisons : public Tables {
 protected:
  // One cell a number: methods are scorers m0, m1, ..., blocks are sparsities.
  nlohmann::json add_example(std::size_t index) {
    std::ifstream file(std::string(ESPALIER_SOURCE_DIR) + "/tests/fixtures/statistics/golden.json");
    auto example = nlohmann::json::parse(file).at("ranked").at(index);
    const auto& blocks = example["blocks"];
    for (std::size_t block = 0; block < blocks.size(); ++block) {
      for (std::size_t method = 0; method < blocks[block].size(); ++method)
        add(with(sparsity_of(block), 0, "m" + std::to_string(method)), done_attempt(blocks[block][method]));
    }
    return example;
  }
  static double sparsity_of(std::size_t block) { return 0.01 * static_cast<double>(block + 1); }
  AxisComparison compared(const std::string& axis = "scorer", const TableRequest& request = usual()) const {
    return compare_axis(store, "demo", axis, request);
  }
  static TableRequest usual() {
    TableRequest request;
    request.fits_rows = request.fits_columns = true;
    return request;
  }
  static void expect_ranks(const AxisComparison& comparison, const nlohmann::json& example) {
    for (const auto& level : comparison.levels)
      EXPECT_NEAR(level.mean_rank, example["mean_ranks"][std::stoul(level.name.substr(1))].get<double>(), 1e-12);
  }
};

TEST_F(AxisComparisons, WithARegionOfEquivalenceSayHowProbableEachOutcomeIs) {
  add_example(0);  // three scorers, 8 blocks
  auto request = usual();
  request.rope = 0.01;

  const auto comparison = compared("scorer", request);

  ASSERT_TRUE(comparison.rope);
  ASSERT_EQ(comparison.rope->pairs.size(), 3U);
  const auto document = nlohmann::json::parse(render(comparison, Format::Json));
  EXPECT_EQ(document["rope"]["rope"], 0.01);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& pair = document["rope"]["pairs"][i];
    EXPECT_EQ(pair["one"], comparison.pairs[i].one);
    EXPECT_EQ(pair["other"], comparison.pairs[i].other);
    const auto better = pair["better"].get<double>(), same = pair["same"].get<double>();
    EXPECT_NEAR(better + same + pair["worse"].get<double>(), 1, 1e-12);
    EXPECT_EQ(pair["verdict"], better >= 0.95                        ? "better"
                               : same >= 0.95                        ? "same"
                               : pair["worse"].get<double>() >= 0.95 ? "worse"
                                                                     : "undecided");
  }
  EXPECT_NE(render(comparison, Format::Terminal).find("Bayesian signed rank, differences of at most 0.01 are none"),
            std::string::npos);
  EXPECT_NE(render(comparison, Format::Csv).find(",rope,rope_better,rope_same,rope_worse,rope_verdict\r\n"),
            std::string::npos);
  request.rope = 10;
  EXPECT_EQ(compared("scorer", request).rope->pairs[0].verdict, "same");
}

TEST_F(AxisComparisons, OfSeveralLevelsAreThoseOfAutorank) {
  const auto example = add_example(1);

  const auto comparison = compared();

  ASSERT_EQ(comparison.levels.size(), 4U);
  expect_ranks(comparison, example);
  EXPECT_EQ(comparison.blocks, 12U);
  EXPECT_EQ(comparison.test, "Friedman");
  EXPECT_NEAR(comparison.statistic, example["friedman"][0].get<double>(), 1e-9);
  EXPECT_NEAR(comparison.p, example["p"].get<double>(), 1e-9);
  EXPECT_NEAR(comparison.critical_difference.value(), example["critical_difference"].get<double>(), 1e-4);
  // Mean ranks 1.5, 2.08, 2.58 and 3.83: runs that span less than 1.354.
  EXPECT_EQ(comparison.groups, (std::vector<std::vector<std::string>>{{"m3", "m2", "m1"}, {"m1", "m0"}}));
  EXPECT_EQ(comparison.pairs.size(), 6U);
}

TEST_F(AxisComparisons, TellNoLevelsApartWhereFriedmanDoesNot) {
  const auto example = add_example(5);

  const auto comparison = compared();

  expect_ranks(comparison, example);
  EXPECT_NEAR(comparison.p, example["p"].get<double>(), 1e-9);
  ASSERT_EQ(comparison.groups.size(), 1U);
  EXPECT_EQ(comparison.groups[0].size(), 4U);
}

TEST_F(AxisComparisons, OfTwoLevelsAreWilcoxons) {
  const auto example = add_example(4);

  const auto comparison = compared();

  EXPECT_EQ(comparison.test, "Wilcoxon signed rank");
  EXPECT_NEAR(comparison.p, 2 * example["p"].get<double>(), 1e-12);  // autorank asks on one side
  EXPECT_FALSE(comparison.critical_difference.has_value());
  EXPECT_EQ(comparison.pairs.at(0).verdict, Tested::Same);
}

TEST_F(AxisComparisons, AverageSeedsWithinABlockAndCountIncompleteOnes) {
  for (const double sparsity : {0.1, 0.2, 0.3}) {
    add(with(sparsity, 0, "m0"), done_attempt(0.5));
    add(with(sparsity, 1, "m0"), done_attempt(0.7));
    if (sparsity < 0.3) add(with(sparsity, 0, "m1"), done_attempt(0.9));
  }
  add(with(0.3, 0, "m1"), failed_attempt("out of memory"));

  const auto comparison = compared();

  EXPECT_EQ(comparison.blocks, 2U);
  EXPECT_EQ(comparison.incomplete, 1U);
  EXPECT_EQ(comparison.levels[0].name, "m1");
  EXPECT_NEAR(comparison.levels[1].mean, 0.6, 1e-12);
  EXPECT_EQ(comparison.footnotes[1], "1 block is left out, without a value of every level");
}

TEST_F(AxisComparisons, SayTheSameInEveryFormat) {
  add_example(1);
  const auto comparison = compared();

  const auto terminal = render(comparison, Format::Terminal);
  EXPECT_NE(terminal.find("not told apart: m3, m2, m1; m1, m0\n"), std::string::npos) << terminal;
  EXPECT_NE(terminal.find("critical difference of mean ranks 1.354\n"), std::string::npos) << terminal;
  // Rank 1.5 of 1 to 4 is a sixth of the ruler's 60 places.
  EXPECT_NE(terminal.find("\n          ● m3\n"), std::string::npos) << terminal;
  EXPECT_NE(render(comparison, Format::Markdown).find("| m3 | 1.500 | "), std::string::npos);
  EXPECT_NE(render(comparison, Format::Latex).find("m3 & 1.500 & "), std::string::npos);
  EXPECT_NE(render(comparison, Format::Typst).find("\"m3\", \"1.500\", "), std::string::npos);
  EXPECT_NE(render(comparison, Format::Csv).find("\r\nm3,m2,Nemenyi,"), std::string::npos);
  const auto json = nlohmann::json::parse(render(comparison, Format::Json));
  EXPECT_EQ(json["levels"][0]["name"], "m3");
  EXPECT_EQ(json["groups"][1], (nlohmann::json{"m1", "m0"}));
}

TEST_F(AxisComparisons, EscapeNamesThatMeanSomething) {
  const std::string hostile = "=<b>\\input{x}|#\"";
  for (const double sparsity : {0.1, 0.2}) {
    add(with(sparsity, 0, hostile), done_attempt(0.5));
    add(with(sparsity, 0, "m1"), done_attempt(0.6));
  }
  const auto comparison = compared();

  EXPECT_NE(render(comparison, Format::Latex).find("\\textbackslash{}input\\{x\\}"), std::string::npos);
  EXPECT_EQ(render(comparison, Format::Markdown).find("<b>"), std::string::npos);
  EXPECT_NE(render(comparison, Format::Csv).find("\"'=<b>"), std::string::npos);
  EXPECT_NE(render(comparison, Format::Typst).find("\"=<b>\\\\input{x}|#\\\"\""), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(render(comparison, Format::Json))["levels"][1]["name"], hostile);
}

TEST_F(AxisComparisons, SayWhyTheyCannotBe) {
  add(with(0.1, 0, "m0"), done_attempt(0.5));
  EXPECT_EQ(test::message_of<SettingsError>([&] { compared(); }),
            "--compare scorer: found one value of scorer\n    expected two or more to set against each other");
  add(with(0.1, 0, "m1"), done_attempt(0.5));
  EXPECT_NE(test::message_of<SettingsError>([&] { compared(); }).find("found 1 of 1 blocks"), std::string::npos);
  auto request = usual();
  request.value = "heads_kept";
  EXPECT_NE(test::message_of<SettingsError>([&] { compared("scorer", request); }).find("the value is heads_kept"),
            std::string::npos);
  EXPECT_NE(test::message_of<SettingsError>([&] { compared("scorers"); }).find("scorer"), std::string::npos);
  request = usual();
  request.fits_columns = false;
  EXPECT_NE(test::message_of<SettingsError>([&] { compared("scorer", request); }).find("expected no --columns"),
            std::string::npos);
  request = usual();
  request.fits_rows = false;
  request.rows = {"scorer"};
  EXPECT_NE(test::message_of<SettingsError>([&] { compared("scorer", request); }).find("also one of the rows"),
            std::string::npos);
  request = usual();
  request.significance = 2;
  EXPECT_NE(
      test::message_of<SettingsError>([&] { compared("scorer", request); }).find("expected a level between 0 and 1"),
      std::string::npos);
}

}  // namespace
}  // namespace espalier::report
