#include "grid_test_support.h"

namespace espalier::grid {
namespace {

const std::string axes = R"([[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
scorer = ["random", "magnitude", "fisher"]
scope = ["local", "global"]
sparsity = [0.25, 0.5, 0.75]
)";

class Skip : public GridTest {};

TEST_F(Skip, LeavesOutWhatEveryTermMatches) {
  EXPECT_EQ(read_grid(axes).cells.size(), 18u);

  EXPECT_EQ(read_grid(axes + R"(skip = [{ scorer = "random", scope = "local" }])").cells.size(), 15u);
}

TEST_F(Skip, TakesListsAndGlobs) {
  EXPECT_EQ(read_grid(axes + R"(skip = [{ scorer = ["random", "fish*"], sparsity = [0.25, 0.5] }])").cells.size(), 10u);
  EXPECT_EQ(read_grid(axes + R"(skip = [{ scorer = "?agnitude" }])").cells.size(), 12u);
  EXPECT_EQ(read_grid(axes + R"(skip = [{ sparsity = "0.?5" }])").cells.size(), 6u);
}

TEST_F(Skip, ComparesNumbersAsNumbers) {
  EXPECT_EQ(read_grid(axes + "skip = [{ sparsity = 0.50 }]").cells.size(), 12u);
  EXPECT_EQ(read_grid(axes + "seed = [1, 2]\nskip = [{ seed = 1.0 }]").cells.size(), 18u);
}

TEST_F(Skip, MatchesThePluginOfADefinitionToo) {
  const auto text = test_head + "[scorer.mine]\nplugin = \"fisher\"\nsamples = 7\n" +
                    "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nsparsity = 0.5\n"
                    "scorer = [\"mine\", \"random\"]\n";

  EXPECT_EQ(read(text + R"(skip = [{ scorer = "fisher" }])").cells.size(), 1u);
  EXPECT_EQ(read(text + R"(skip = [{ scorer = "mine" }])").cells.size(), 1u);
}

TEST_F(Skip, MatchesAxesThatAreNotGiven) {
  EXPECT_EQ(read_grid(axes + R"(skip = [{ recovery = "none", scope = "local" }])").cells.size(), 9u);
}

TEST_F(Skip, WarnsOfAPatternThatMatchesNothing) {
  const auto experiment = read_grid(axes + R"(skip = [{ scorer = "taylor" }, { heads = 3 }, { scope = "local" }])");

  EXPECT_EQ(experiment.cells.size(), 9u);
  ASSERT_EQ(experiment.warnings.size(), 2u);
  EXPECT_EQ(without_folder(experiment.warnings[0]), "x.toml:18:9: this skip pattern matches no cell");
  EXPECT_EQ(without_folder(experiment.warnings[1]), "x.toml:18:32: this skip pattern matches no cell");
}

TEST_F(Skip, RefusesAGridWithoutCells) {
  EXPECT_EQ(complaint(test_head + axes + R"(skip = [{ scorer = "*" }])"),
            "x.toml:11:1: empty grid: its skip patterns leave no cell");
}

TEST_F(Skip, RefusesWhatIsNoPattern) {
  EXPECT_EQ(complaint(test_head + axes + R"(skip = { scorer = "random" })"),
            "x.toml:18:8: 'skip' is a table, expected a list of patterns such as [{ scorer = \"random\", scope = "
            "\"local\" }]");
  EXPECT_EQ(complaint(test_head + axes + "skip = [{}]"),
            "x.toml:18:9: this skip pattern is empty: it would leave out every cell");
  EXPECT_EQ(complaint(test_head + axes + "skip = [{ scope = [] }]"),
            "x.toml:18:19: 'scope' is an empty list, expected at least one value");
  EXPECT_TRUE(complaint(test_head + axes + "skip = [{ scorr = 1 }]")
                  .starts_with("x.toml:18:11: unknown axis 'scorr'\n    did you mean 'scorer'?\n"));
}

}  // namespace
}  // namespace espalier::grid
