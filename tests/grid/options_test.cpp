// What the command line and the environment change: --set, --only, ${NAME}.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

const std::string chosen_axes = R"([[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
scorer = ["random", "magnitude", "fisher"]
sparsity = [0.25, 0.5]
)";

class Set : public GridTest {};

TEST_F(Set, OverridesAKey) {
  options_.sets = {"model.minilm.train.epochs=1", "dataset.wordnet.limit.test = 5",
                   "grid.sparsity=[0.1]",         "grid.scorer=magnitude",
                   "measure.proof=false",         "question=Why not?"};

  const auto experiment = read_grid(chosen_axes);

  ASSERT_EQ(experiment.cells.size(), 1u);
  const auto cell = settings(experiment.cells[0]);
  EXPECT_EQ(cell.model.train->epochs, 1);
  EXPECT_EQ(cell.dataset.limit.at("test"), 5);
  EXPECT_EQ(cell.budget.value, 0.1);
  EXPECT_EQ(cell.scorer.plugin, "magnitude");
  EXPECT_FALSE(cell.measure.proof);
  EXPECT_EQ(experiment.question, "Why not?");
}

TEST_F(Set, ReachesEveryGrid) {
  options_.sets = {"grid.seed=7"};

  for (const auto& cell : read_grid(chosen_axes + chosen_axes + "scope = \"local\"\n").cells)
    EXPECT_EQ(settings(cell).seed, 7);
}

TEST_F(Set, ReachesAPluginThatTheFileDoesNotDefine) {
  options_.sets = {"scorer.fisher.samples=10", "grid.scorer=\"fisher\""};

  EXPECT_EQ(settings(read_grid(chosen_axes).cells.at(0)).scorer.settings.get<std::int64_t>("samples"), 10);
}

TEST_F(Set, RefusesUnknownPathsWithTheNearestName) {
  const auto said = [&](const std::string& set) {
    options_.sets = {set};
    return complaint(test_head + chosen_axes);
  };

  EXPECT_EQ(
      said("model.minilmm.train.epochs=1"),
      "--set model.minilmm.train.epochs=1: unknown model 'minilmm'\n    did you mean 'minilm'?\n    known: minilm");
  EXPECT_TRUE(said("model.minilm.train.epoch=1")
                  .starts_with("--set model.minilm.train.epoch=1: unknown key 'epoch'\n    did you mean 'epochs'?\n"));
  EXPECT_TRUE(said("grid.sed=1").starts_with("--set grid.sed=1: unknown key 'sed'\n    did you mean 'seed'?\n"));
  EXPECT_TRUE(said("nam=x").starts_with("--set nam=x: unknown key 'nam'\n    did you mean 'name'?\n"));
  EXPECT_TRUE(said("modle.minilm.family=bert")
                  .starts_with("--set modle.minilm.family=bert: unknown key 'modle'\n    did you mean 'model'?\n"));
  EXPECT_TRUE(
      said("scorer.fischer.samples=1")
          .starts_with("--set scorer.fischer.samples=1: unknown scorer 'fischer'\n    did you mean 'fisher'?\n"));
  EXPECT_EQ(said("scorer.fisher.sample=1"),
            "--set scorer.fisher.sample=1: unknown setting of scorer 'fisher': 'sample'\n    did you mean 'samples'?\n"
            "    known: damping, samples, split, squares");
}

TEST_F(Set, RefusesWhatIsNoOverride) {
  const auto said = [&](const std::string& set) {
    options_.sets = {set};
    return complaint(test_head + chosen_axes);
  };
  const std::string expected = ": is not an override\n    expected KEY=VALUE, for instance model.minilm.train.epochs=1";

  EXPECT_EQ(said("name"), "--set name" + expected);
  EXPECT_EQ(said("=1"), "--set =1" + expected);
  EXPECT_EQ(said("a..b=1"), "--set a..b=1" + expected);
  EXPECT_EQ(said("name.x=1"), "--set name.x=1: 'name' is the text 'test', expected a table with a key 'x'");
  EXPECT_EQ(said("grid=1"), "--set grid=1: a whole grid cannot be given here\n    set one of its keys: grid.KEY=VALUE");
  EXPECT_EQ(said("grid.seed=-1"), "--set grid.seed=-1: 'seed' is the integer -1, expected an integer of at least 0");
}

class Only : public GridTest {};

TEST_F(Only, KeepsASlice) {
  options_.only = "scorer=fisher,sparsity=0.50";
  const auto cells = read_grid(chosen_axes).cells;

  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(settings(cells[0]).scorer.plugin, "fisher");
  EXPECT_EQ(settings(cells[0]).budget.value, 0.5);
}

TEST_F(Only, TakesGlobsAndAlternatives) {
  options_.only = "scorer=?a*";
  EXPECT_EQ(read_grid(chosen_axes).cells.size(), 4u);
  options_.only = "scorer=fisher,scorer=random,sparsity=0.25";
  EXPECT_EQ(read_grid(chosen_axes).cells.size(), 2u);
}

TEST_F(Only, DoesNotChangeKeys) {
  const auto all = keys(read_grid(chosen_axes));
  options_.only = "scorer=fisher";

  EXPECT_EQ(keys(read_grid(chosen_axes)), (std::vector<std::string>{all[4], all[5]}));
}

// fisher-batch is a definition of the plugin fisher, which another definition is called like.
TEST_F(Only, TakesANameForAPluginWhereNothingIsCalledSo) {
  const std::string text = R"([scorer.fisher-batch]
plugin = "fisher"
squares = "per-batch"
[scorer.size]
plugin = "magnitude"
[[grid]]
model = "minilm"
dataset = "wordnet"
granularity = "head"
scorer = ["fisher", "fisher-batch", "size"]
sparsity = 0.5
)";
  const auto scorers = [&](const std::string& only, const std::string& more) {
    options_.only = only;
    std::string names;
    for (const auto& cell : read_grid(text + more).cells) names += settings(cell).scorer.name + " ";
    return names;
  };

  EXPECT_EQ(scorers("scorer=fisher", ""), "fisher ");
  EXPECT_EQ(scorers("scorer=fisher*", ""), "fisher fisher-batch ");
  EXPECT_EQ(scorers("scorer=magnitude", ""), "size ");
  EXPECT_EQ(scorers("", "skip = [{ scorer = \"fisher\" }]"), "fisher-batch size ");
}

TEST_F(Only, RefusesUnknownAxesAndEmptySlices) {
  const auto said = [&](const std::string& only) {
    options_.only = only;
    return complaint(test_head + chosen_axes);
  };

  EXPECT_TRUE(
      said("scorr=fisher").starts_with("--only scorr=fisher: unknown axis 'scorr'\n    did you mean 'scorer'?\n"));
  EXPECT_EQ(said("scorer=fischer"),
            "--only scorer=fischer: leaves no cell\n    unknown scorer 'fischer'\n"
            "    did you mean 'fisher'?\n    known: fisher, magnitude, random");
  EXPECT_EQ(said("scorer"),
            "--only scorer: 'scorer' is not a slice\n    expected AXIS=VALUE,AXIS=VALUE, for instance "
            "scorer=fisher,sparsity=0.5");
}

TEST_F(Only, MakesALargeGridReadable) {
  std::string seeds = "[0";
  for (int i = 1; i < 4000; ++i) seeds += ",1";
  const auto grid = chosen_axes + "seed = " + seeds + "]\nbase_seed = " + seeds + "]\n";

  EXPECT_NE(complaint(test_head + grid).find("too many cells: 96000000"), std::string::npos);
  options_.only = "seed=0,base_seed=0";
  EXPECT_EQ(read_grid(grid).cells.size(), 6u);
}

class Variables : public GridTest {
 protected:
  std::string text_ =
      "espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"bert\"\ncheckpoint = \"CHECKPOINT\"\n[dataset.d]\n"
      "format = \"text-classification\"\ntest = \"test.tsv\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\n"
      "granularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\n";
  std::string with(const std::string& checkpoint) {
    return std::string(text_).replace(text_.find("CHECKPOINT"), 10, checkpoint);
  }
  std::string checkpoint(const std::string& written) {
    return settings(read(with(written)).cells.at(0)).model.checkpoint;
  }
};

TEST_F(Variables, AreReplaced) {
  variables_ = {{"PLACE", "/models"}, {"EMPTY", ""}};

  EXPECT_EQ(checkpoint("${PLACE}/m"), "/models/m");
  EXPECT_EQ(checkpoint("${PLACE:-/other}/m"), "/models/m");
  EXPECT_EQ(checkpoint("${NOWHERE:-/other}/m"), "/other/m");
  EXPECT_EQ(checkpoint("${EMPTY:-/other}/m"), "/other/m");
  EXPECT_EQ(checkpoint("/x/${EMPTY}$m"), "/x/$m");
}

TEST_F(Variables, LetTheDataFolderStartAtTheWorkingDirectory) {
  EXPECT_EQ(checkpoint("${ESPALIER_DATA}/m"), ".deps/data/m");
  EXPECT_EQ(checkpoint("m"), (folder_ / "m").string());
  variables_ = {{"ESPALIER_DATA", "/data"}};
  EXPECT_EQ(checkpoint("${ESPALIER_DATA}/m"), "/data/m");
}

TEST_F(Variables, AreRefusedWhereUndefined) {
  EXPECT_EQ(complaint(with("a/${NOWHERE}/m")),
            "x.toml:5:14: the variable 'NOWHERE' is not defined\n"
            "    set it in the environment, or give a default: ${NOWHERE:-text}");
  EXPECT_EQ(complaint(with("a/${NOWHERE")),
            "x.toml:5:14: 'a/${NOWHERE' opens a variable with '${' and does not close it\n"
            "    write ${NAME} or ${NAME:-text}");
  variables_ = {{"BAD", "\xff"}};
  EXPECT_EQ(complaint(with("${BAD}")), "x.toml:5:14: this text is not UTF-8");
}

}  // namespace
}  // namespace espalier::grid
