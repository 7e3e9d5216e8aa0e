#include "cli_fixture.h"

namespace espalier::cli {
namespace {

using PlanCommand = CliTest;

TEST_F(PlanCommand, CountsCellsAndChangesNothing) {
  const auto ran = espalier({"plan", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("tiny\nDoes it run?\n")) << ran.out;
  EXPECT_CONTAINS(ran.out, "3 cells, 0 done, 3 to run");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
}

TEST_F(PlanCommand, SaysTheSameAsJson) {
  const auto document = json(espalier({"plan", "tiny.toml", "--json"}));

  EXPECT_EQ(document.at("cells"), 3);
  EXPECT_EQ(document.at("done"), 0);
  EXPECT_EQ(document.at("to_run"), 3);
  EXPECT_TRUE(document.at("missing").empty());
  EXPECT_TRUE(document.at("estimated_seconds").is_null());
}

TEST_F(PlanCommand, NamesMissingPathsAndExitsWithZero) {
  std::filesystem::remove(folder_ / "test.tsv");

  const auto ran = espalier({"plan", "tiny.toml", "--json"});

  EXPECT_EQ(ran.exit_code, 0);
  ASSERT_EQ(json(ran).at("missing").size(), 1U);
  EXPECT_CONTAINS(json(ran)["missing"][0].get<std::string>(), "test.tsv");
  EXPECT_EQ(json(ran).at("to_run"), 3);
}

TEST_F(PlanCommand, TakesOverridesAndSlices) {
  const auto sliced = json(espalier({"plan", "tiny.toml", "--json", "--only", "seed=1"}));
  const auto overridden = json(espalier({"plan", "--set", "name=other", "tiny.toml", "--json"}));

  EXPECT_EQ(sliced.at("cells"), 1);
  EXPECT_EQ(overridden.at("database"), "results/other.db");
}

TEST_F(PlanCommand, AsksTheWorkerForItsPluginsOnce) {
  espalier({"plan", "tiny.toml"});
  espalier({"plan", "tiny.toml"});

  std::ifstream journal(folder_ / "journal");
  std::string line;
  int lines = 0;
  while (std::getline(journal, line)) ++lines;
  EXPECT_EQ(lines, 1);
}

TEST_F(PlanCommand, RefusesWhatIsNoExperiment) {
  folder_.write("wrong.toml", "espalier = 1\nname = \"x\"\n[[grid]]\nmodle = \"y\"\n");

  const auto wrong = espalier({"plan", "wrong.toml"});
  const auto absent = espalier({"plan", "absent.toml"});

  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_CONTAINS(wrong.err, "wrong.toml:4:1: ");
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_EQ(absent.err, "absent.toml: there is no such experiment file\n");
}

}  // namespace
}  // namespace espalier::cli
