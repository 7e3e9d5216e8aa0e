// Definitions that experiment files share.
#include "grid/files/experiment_files.h"
#include "grid_test_support.h"
#include "words/digest.h"

namespace espalier::grid {
namespace {

class IncludedFiles : public GridTest {
 protected:
  static constexpr const char* grid =
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n"
      "sparsity = 0.5\n";
  static constexpr const char* definitions =
      "[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n[dataset.wordnet]\n"
      "format = \"text-classification\"\ntrain = \"train.tsv\"\nvalidation = \"validation.tsv\"\n"
      "test = \"test.tsv\"\n[scorer.few]\nplugin = \"fisher\"\nsamples = 10\n";
  static std::string including(const std::string& include, const std::string& rest = grid) {
    return "espalier = 1\nname = \"a\"\ninclude = " + include + "\n" + rest;
  }
};

TEST_F(IncludedFiles, GiveTheSameCellsAsOneFile) {
  const auto one = read(std::string("espalier = 1\nname = \"a\"\n") + definitions + grid);
  write("shared.toml", definitions);

  const auto two = read(including("[\"shared.toml\"]"));

  EXPECT_EQ(keys(two), keys(one));
  EXPECT_TRUE(two.warnings.empty()) << two.warnings[0];  // what is shared need not be used by each
  EXPECT_EQ(keys(read(including("\"shared.toml\""))), keys(one));
}

TEST_F(IncludedFiles, HavePathsOfTheirOwnFolder) {
  write("shared/models.toml", definitions);
  for (const auto* file :
       {"minilm/config.json", "minilm/model.safetensors", "train.tsv", "validation.tsv", "test.tsv"}) {
    write(std::string("shared/") + file, file);
  }

  const auto experiment = read(including("[\"shared/models.toml\"]"));

  ASSERT_EQ(experiment.cells.size(), 1U);
  EXPECT_EQ(settings(experiment.cells[0]).model.checkpoint, (folder_ / "shared/minilm").string());
  EXPECT_TRUE(experiment.missing.empty());
}

TEST_F(IncludedFiles, MayIncludeOthersAndBeIncludedTwice) {
  write("models.toml", "[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n");
  write("a.toml",
        "include = \"models.toml\"\n[dataset.wordnet]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n");
  write("b.toml", "espalier = 1\ninclude = [\"models.toml\"]\n[scorer.few]\nplugin = \"fisher\"\n");

  EXPECT_EQ(read(including("[\"a.toml\", \"b.toml\"]")).cells.size(), 1U);
}

TEST_F(IncludedFiles, AreListedWithTheDigestThatReadingGives) {
  write("shared/models.toml", "[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n");
  write("shared/all.toml", "include = \"models.toml\"\n[dataset.wordnet]\nformat = \"text-classification\"\n");
  const auto experiment = read(including("[\"shared/all.toml\"]"));
  const auto files = files_of_experiment(folder_ / "x.toml");

  EXPECT_EQ(files.digest, experiment.file_digest);
  ASSERT_EQ(files.included.size(), 2U);
  EXPECT_EQ(files.included[0], folder_ / "shared/all.toml");
  EXPECT_EQ(files.included[1], folder_ / "shared/models.toml");
  EXPECT_EQ(digest_of_texts("alone", {}), sha256_hex("alone"));
}

TEST_F(IncludedFiles, ArePartOfTheExperimentsDigest) {
  write("shared.toml", definitions);
  const auto before = read(including("[\"shared.toml\"]")).file_digest;
  write("shared.toml", std::string(definitions) + "# a word\n");

  EXPECT_NE(read(including("[\"shared.toml\"]")).file_digest, before);
}

TEST_F(IncludedFiles, TakeOverrides) {
  write("shared.toml", definitions);
  options_.sets = {"scorer.few.samples=20"};
  auto with_few = std::string(grid);
  with_few.replace(with_few.find("random"), 6, "few");

  const auto cells = read(including("[\"shared.toml\"]", with_few)).cells;

  EXPECT_EQ(settings(cells[0]).scorer.settings.get<std::int64_t>("samples"), 20);
}

TEST_F(IncludedFiles, AreNamedWhereTheyAreWrong) {
  write("shared.toml", "[model.minilm]\nfamily = \"brt\"\ncheckpoint = \"minilm\"\n[dataset.wordnet]\nformat = 3\n");
  EXPECT_EQ(complaint(including("[\"shared.toml\"]")),
            "shared.toml:2:10: unknown family 'brt'\n    did you mean 'bert'?\n    known: ast, bert, whisper\n"
            "shared.toml:5:10: 'format' is the integer 3, expected a text in quotes");
  write("shared.toml", "[model.minilm\n");
  EXPECT_TRUE(complaint(including("[\"shared.toml\"]")).starts_with("shared.toml:1:"));
  EXPECT_EQ(complaint(including("[\"none.toml\"]")),
            "x.toml:3:12: 'include': none.toml: cannot be read: No such file or directory\n"
            "    expected an experiment file");
  EXPECT_EQ(complaint(including("[3]")), "x.toml:3:12: 'include' is the integer 3, expected a text in quotes");
  write("shared.toml", "name = \"b\"\nmodle = 1\n");
  EXPECT_EQ(
      complaint(including("[\"shared.toml\"]")),
      "shared.toml:1:1: 'name' belongs to an experiment, and this file is included by x.toml\n    an included "
      "file holds definitions that several experiments share: model, dataset, scorer, searcher, recovery, "
      "measure, limits, include, espalier\n"
      "shared.toml:2:1: unknown key 'modle'\n    did you mean 'model'?\n    known: dataset, espalier, include, limits, "
      "measure, model, recovery, scorer, searcher\n    in a file that x.toml includes");
}

TEST_F(IncludedFiles, DefineANameOnce) {
  write("shared.toml", definitions);
  EXPECT_EQ(complaint(including("[\"shared.toml\"]",
                                std::string("[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n") + grid)),
            "shared.toml:1:8: model 'minilm' is defined twice\n    also at x.toml:4:8");
}

TEST_F(IncludedFiles, GoInNoCircle) {
  write("a.toml", "include = \"b.toml\"\n");
  write("b.toml", "include = \"a.toml\"\n");
  EXPECT_EQ(complaint(including("\"a.toml\"")), "b.toml:1:11: a.toml includes itself: a.toml -> b.toml -> a.toml");
  EXPECT_EQ(complaint(including("\"x.toml\"")), "x.toml:3:11: x.toml includes itself: x.toml -> x.toml");
}

}  // namespace
}  // namespace espalier::grid
