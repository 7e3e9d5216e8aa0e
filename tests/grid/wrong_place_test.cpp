// Names, words and keys that are known, but not where they were written; numbers of another scale; mistakes of writing.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class WrongPlace : public GridTest {
 protected:
  std::string grid(const std::string& replaced, const std::string& by) {
    auto lines = std::string(
        "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n"
        "sparsity = 0.5\n");
    lines.replace(lines.find(replaced), replaced.size(), by);
    return complaint(test_head + "[scorer.few]\nplugin = \"fisher\"\n" + lines);
  }
  // The first two lines of a message: what is wrong, and where it belongs.
  std::string brief(const std::string& replaced, const std::string& by) {
    const auto text = grid(replaced, by);
    return text.substr(0, text.find('\n', text.find('\n') + 1));
  }
};

TEST_F(WrongPlace, OfAPlugin) {
  EXPECT_EQ(grid("\"random\"", "\"a-star\""),
            "x.toml:17:10: unknown scorer 'a-star'\n    it is a searcher: searcher = \"a-star\"\n"
            "    known: few, fisher, magnitude, none, random");
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nsearcher = \"lora\""),
            "x.toml:19:12: unknown searcher 'lora'\n    it is a recovery: recovery = \"lora\"");
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nrecovery = \"fisher\""),
            "x.toml:19:12: unknown recovery 'fisher'\n    it is a scorer: scorer = \"fisher\"");
  EXPECT_EQ(brief("\"random\"", "{ plugin = \"ranking\" }"),
            "x.toml:17:21: unknown scorer 'ranking'\n    it is a searcher: searcher = \"ranking\"");
  EXPECT_EQ(brief("\"minilm\"", "\"magnitude\""),
            "x.toml:14:9: unknown model 'magnitude'\n    it is a scorer: scorer = \"magnitude\"");
}

TEST_F(WrongPlace, OfADefinition) {
  EXPECT_EQ(brief("\"minilm\"", "\"wordnet\""),
            "x.toml:14:9: unknown model 'wordnet'\n    it is a dataset, defined at x.toml:6:10; as such it is given as "
            "dataset = \"wordnet\"");
  EXPECT_EQ(brief("\"wordnet\"", "\"minilm\""),
            "x.toml:15:11: unknown dataset 'minilm'\n    it is a model, defined at x.toml:3:8; as such it is given as "
            "model = \"minilm\"");
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nrecovery = \"few\""),
            "x.toml:19:12: unknown recovery 'few'\n    it is a scorer, defined at x.toml:11:9; as such it is given as "
            "scorer = \"few\"");
}

TEST_F(WrongPlace, OfAWord) {
  EXPECT_EQ(brief("\"head\"", "\"global\""),
            "x.toml:16:15: unknown granularity 'global'\n    it is a scope: scope = \"global\"");
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nscope = \"decoder-cross\""),
            "x.toml:19:9: unknown scope 'decoder-cross'\n    it is a site filter: sites = \"decoder-cross\"");
  EXPECT_EQ(brief("\"random\"", "\"head-channel\""),
            "x.toml:17:10: unknown scorer 'head-channel'\n    it is a granularity: granularity = \"head-channel\"");
}

TEST_F(WrongPlace, OfAKey) {
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nepochs = 3"),
            "x.toml:19:1: unknown key 'epochs'\n    it belongs to [model.NAME] train = { ... }");
  EXPECT_EQ(brief("sparsity = 0.5", "sparsity = 0.5\nlimit = { test = 3 }"),
            "x.toml:19:1: unknown key 'limit'\n    it belongs to [dataset.NAME]");
  const auto of_model = complaint(
      "espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n"
      "batch_size = 8\nscope = \"local\"\n");
  EXPECT_NE(of_model.find("unknown key 'batch_size'\n    the nearest is 'batch', of [model.NAME] train = { ... }\n"),
            std::string::npos)
      << of_model;
  EXPECT_NE(of_model.find("unknown key 'scope'\n    it belongs to [[grid]]\n"), std::string::npos) << of_model;
}

TEST_F(WrongPlace, OfTheDecimalPoint) {
  const auto line = [&](const std::string& text) { return grid("sparsity = 0.5", text); };
  EXPECT_EQ(line("sparsity = 50"),
            "x.toml:18:12: 'sparsity' is the integer 50, expected a number from 0 to 1\n    did you mean 0.5?");
  EXPECT_EQ(line("sparsity = [0.1, 25.5]"),
            "x.toml:18:18: 'sparsity' is the number 25.5, expected a number from 0 to 1\n    did you mean 0.255?");
  EXPECT_EQ(line("sparsity = \"50%\""),
            "x.toml:18:12: 'sparsity' is the text '50%', expected a number from 0 to 1\n    did you mean 0.5?");
  EXPECT_EQ(line("sparsity = \"0.5\""),
            "x.toml:18:12: 'sparsity' is the text '0.5', expected a number from 0 to 1\n    without quotes: 0.5");
  EXPECT_EQ(
      line("macs = 50"),
      "x.toml:18:8: 'macs' is the integer 50, expected a share of the dense model's multiply-adds, a number above "
      "0 and at most 1\n    did you mean 0.5?");
  EXPECT_EQ(line("sparsity = 5000"), "x.toml:18:12: 'sparsity' is the integer 5000, expected a number from 0 to 1");
  EXPECT_EQ(line("sparsity = 0.5\nseed = 1.0"),
            "x.toml:19:8: 'seed' is the number 1, expected an integer of at least 0\n    written: 1");
}

TEST_F(WrongPlace, OfALossInPercent) {
  EXPECT_EQ(
      grid("scorer = \"random\"\nsparsity = 0.5", "searcher = \"a-star\"\nloss_of_metric = 5"),
      "x.toml:18:18: loss_of_metric = 5 is more than accuracy can lose, which counts in fractions\n    expected at "
      "most 1; did you mean 0.05?");
  EXPECT_EQ(grid("scorer = \"random\"\nsparsity = 0.5", "searcher = \"a-star\"\nloss_of_metric = 0.05"),
            "no complaint");
}

TEST_F(WrongPlace, OfQuotesAndBrackets) {
  const auto said = [&](const std::string& lines) {
    return complaint("espalier = 1\n" + lines + "\nquestion = \"x\"\n");
  };
  EXPECT_EQ(said("name = \"a"),
            "x.toml:2:8: a text is opened here with \" and not closed on its line\n    close it with \", or write "
            "\"\"\" around a text of several lines");
  EXPECT_EQ(said("name = 'a"),
            "x.toml:2:8: a text is opened here with ' and not closed on its line\n    close it with ', or write ''' "
            "around a text of several lines");
  EXPECT_EQ(said("name = a\""), "x.toml:2:8: 'a' is no value: a text stands in quotes, \"a\"");
  EXPECT_EQ(said("name = \"\"\"a"), "x.toml:2:8: a text is opened here with \"\"\" and never closed");
  EXPECT_EQ(said("measure = { latency = { batch = [1, 8]\nrepeats = 5 } }"),
            "x.toml:2:23: an inline table is opened here with '{' and does not end on its line\n    TOML wants it on "
            "one line; or give it a header of its own, as in [measure.latency]");
  EXPECT_EQ(said("name = \u201Ca\u201D"),
            "x.toml:2:8: \u201C (U+201C) is no quote of TOML, expected the straight one: \"");
  EXPECT_EQ(said("[[grid]]\nmodel = minilm"), "x.toml:3:9: 'minilm' is no value: a text stands in quotes, \"minilm\"");
  EXPECT_EQ(said("measure = { proof = True }"), "x.toml:2:21: 'True' is no value, expected true in small letters");
  EXPECT_EQ(said("[[grid]]\nsparsity = 50%"), "x.toml:3:12: '50%' is no value: a share is a number from 0 to 1");
  EXPECT_TRUE(said("[[grid]]\nseed = [1, 2").starts_with("x.toml:")) << said("[[grid]]\nseed = [1, 2");
}

TEST_F(WrongPlace, OfAnAccent) {
  const std::string composed = "gr\u00f6\u00dfe", decomposed = "gro\u0308\u00dfe";
  const auto file = [](const std::string& defined, const std::string& used) {
    return "espalier = 1\nname = \"a\"\n[model.\"" + defined + "\"]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n" +
           "[dataset.d]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n[[grid]]\nmodel = \"" + used +
           "\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\n";
  };

  EXPECT_EQ(keys(read(file(composed, decomposed))), keys(read(file(composed, composed))));
  EXPECT_EQ(keys(read(file(decomposed, composed))), keys(read(file(composed, composed))));
  options_.only = "model=" + decomposed;
  EXPECT_EQ(read(file(composed, composed)).cells.size(), 1U);
  options_.only.clear();
  options_.sets = {"model." + std::string("\"") + decomposed + "\".train.epochs=1"};
  EXPECT_EQ(read(file(composed, composed)).cells.size(), 1U);
  options_.sets.clear();
  EXPECT_EQ(
      complaint(file(composed + "\"]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n[model.\"" + decomposed, composed)),
      "x.toml:6:8: model '" + composed + "' is defined twice\n    also at x.toml:3:8");
}

}  // namespace
}  // namespace espalier::grid
