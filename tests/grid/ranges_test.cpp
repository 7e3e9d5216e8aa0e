// Ranges in axes: which values they give, and what is said of those that cannot be.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class Ranges : public GridTest {
 protected:
  static constexpr const char* axes =
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n";

  std::vector<double> budgets(const std::string& line) {
    std::vector<double> found;
    for (const auto& cell : read_grid(std::string(axes) + line + "\n").cells) {
      found.push_back(settings(cell).budget.value);
    }
    return found;
  }
  std::vector<std::int64_t> seeds(const std::string& value) {
    std::vector<std::int64_t> found;
    for (const auto& cell : read_grid(std::string(axes) + "sparsity = 0.5\nseed = " + value + "\n").cells) {
      found.push_back(settings(cell).seed);
    }
    return found;
  }
  std::string said(const std::string& line) { return complaint(test_head + axes + line + "\n"); }  // the 16th line
};

TEST_F(Ranges, OfWholeNumbersHaveBothEnds) {
  EXPECT_EQ(seeds("\"0..3\""), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(seeds("\"7 .. 7\""), (std::vector<std::int64_t>{7}));
  EXPECT_EQ(seeds("[\"0..2\", 10]"), (std::vector<std::int64_t>{0, 1, 2, 10}));
  EXPECT_EQ(seeds("{ from = 0, to = 10, step = 5 }"), (std::vector<std::int64_t>{0, 5, 10}));
  EXPECT_EQ(seeds("{ from = 1, to = 3 }"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(seeds("\"0..1999\"").size(), 2000U);
  EXPECT_EQ(budgets("heads = \"2..4\""), (std::vector<double>{2, 3, 4}));
}

// As they would be written one by one: 0.1 + 0.1 + 0.1 is not 0.3, and would be another cell.
TEST_F(Ranges, HaveExactDecimals) {
  EXPECT_EQ(budgets("sparsity = { from = 0.1, to = 0.9, step = 0.1 }"),
            (std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}));
  EXPECT_EQ(budgets("sparsity = { from = 0, to = 1, step = 0.25 }"), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(budgets("sparsity = [{ from = 0.05, to = 0.15, step = 0.05 }, 0.9]"),
            (std::vector<double>{0.05, 0.1, 0.15, 0.9}));
  EXPECT_EQ(budgets("macs = { from = 1e-3, to = 0.003, step = 0.001 }"), (std::vector<double>{0.001, 0.002, 0.003}));
  EXPECT_EQ(budgets("sparsity = { from = 0.1, to = 0.95, step = 0.4 }"), (std::vector<double>{0.1, 0.5, 0.9}));
}

TEST_F(Ranges, GiveTheKeysOfTheirValuesWrittenOneByOne) {
  const auto axes_and = [&](const std::string& line) { return read_grid(std::string(axes) + line + "\n"); };
  const auto range = axes_and("sparsity = { from = 0.1, to = 0.3, step = 0.1 }\nseed = \"0..1\"");
  const auto list = axes_and("sparsity = [0.1, 0.2, 0.3]\nseed = [0, 1]");

  EXPECT_EQ(keys(range), keys(list));
}

TEST_F(Ranges, AreNamedInSlicesAndSkipPatterns) {
  options_.only = "seed=3..5";
  EXPECT_EQ(seeds("\"0..9\""), (std::vector<std::int64_t>{3, 4, 5}));
  options_.only.clear();
  EXPECT_EQ(seeds("\"0..4\"\nskip = [{ seed = \"1..3\" }]"), (std::vector<std::int64_t>{0, 4}));
}

TEST_F(Ranges, ComeFromTheCommandLine) {
  options_.sets = {"grid.seed=0..2"};
  EXPECT_EQ(seeds("9"), (std::vector<std::int64_t>{0, 1, 2}));
}

TEST_F(Ranges, AdvanceWithLinkedAxes) {
  const auto cells = read_grid(std::string(axes) +
                               "sparsity = [0.1, 0.2, 0.3]\nseed = \"5..7\"\n"
                               "linked = [[\"sparsity\", \"seed\"]]\n")
                         .cells;

  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(settings(cells[2]).seed, 7);
  EXPECT_EQ(settings(cells[2]).budget.value, 0.3);
  EXPECT_EQ(said("sparsity = [0.1, 0.2]\nseed = \"5..7\"\nlinked = [[\"sparsity\", \"seed\"]]"),
            "x.toml:18:11: linked lists differ in length: sparsity has 2, seed has 3\n"
            "    expected as many values in each");
}

TEST_F(Ranges, ThatCannotBeAreNamed) {
  const std::string seed = "sparsity = 0.5\nseed = ";  // its value is at 17:8
  EXPECT_EQ(said(seed + "\"3..1\""), "x.toml:17:8: this range of 'seed' ends before it begins");
  EXPECT_EQ(said(seed + "\"0..x\""),
            "x.toml:17:8: 'seed' is the text '0..x', expected whole numbers; a range of them is written \"0..9\"");
  EXPECT_EQ(said(seed + "\"0..99999999999\""),
            "x.toml:17:8: this range of 'seed' is too long: an axis has at most 100000 values");
  EXPECT_EQ(said(seed + "\"-1..1\""), "x.toml:17:8: 'seed' is the integer -1, expected an integer of at least 0");
  EXPECT_EQ(said(seed + "0..9"), "x.toml:17:8: a range stands in quotes: \"0..9\"");
  EXPECT_EQ(said("sparsity = \"0.1..0.9\""),
            "x.toml:16:12: 'sparsity' is the text '0.1..0.9', expected numbers; a range of them has a step: { from = "
            "0.1, to = 0.9, step = 0.1 }");
  EXPECT_EQ(said("sparsity = { from = 0.1, to = 0.9 }"), "x.toml:16:12: a range of 'sparsity' lacks the key 'step'");
  EXPECT_EQ(said("sparsity = { from = 0.1, to = 0.9, step = 0 }"),
            "x.toml:16:43: 'step' is the integer 0, expected a positive number");
  EXPECT_EQ(said("sparsity = { from = 0.1, to = 0.9, stop = 0.1, step = 0.1 }"),
            "x.toml:16:36: unknown key 'stop'\n    did you mean 'step'?\n    known: from, step, to\n"
            "    in a range of 'sparsity'");
  EXPECT_EQ(said("sparsity = { from = 1e-300, to = 1, step = 1e-300 }"),
            "x.toml:16:12: these numbers lie too far apart for exact steps");
  EXPECT_EQ(said("sparsity = { from = 10, to = 90, step = 80 }"),
            "x.toml:16:12: 'sparsity' is the number 10, expected a number from 0 to 1\n    did you mean 0.1?\n"
            "x.toml:16:12: 'sparsity' is the number 90, expected a number from 0 to 1\n    did you mean 0.9?");
}

}  // namespace
}  // namespace espalier::grid
