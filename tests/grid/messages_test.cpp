// What is said of a faulty file, with its place. Messages are asserted whole, so that wording is reviewed.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class Messages : public GridTest {
 protected:
  std::string top(const std::string& line) {
    return complaint(
        line +
        "\n[model.m]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n[dataset.d]\nformat = \"text-classification\"\n"
        "test = \"test.tsv\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\n"
        "sparsity = 0.5\n");
  }
  std::string model(const std::string& lines) {
    return complaint(
        "espalier = 1\nname = \"a\"\n[model.m]\n" + lines +
        "\n[dataset.d]\nformat = \"text-classification\"\n"
        "test = \"test.tsv\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\n"
        "sparsity = 0.5\n");
  }
  std::string train(const std::string& train) {
    return model("family = \"bert\"\ncheckpoint = \"minilm\"\ntrain = { " + train + " }");
  }
  std::string grid(const std::string& line) {  // the line is the file's 16th
    return complaint(
        test_head +
        "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n" + line +
        "\n");
  }
};

TEST_F(Messages, OfTheFileItself) {
  options_.sets = {};
  try {
    read_experiment("no_such_folder/x.toml", options_);
    FAIL();
  } catch (const SettingsError& error) {
    EXPECT_STREQ(error.what(),
                 "no_such_folder/x.toml: cannot be read: No such file or directory\n    expected an experiment file");
    EXPECT_EQ(error.exit_code(), ExitCode::Usage);
  }
  EXPECT_TRUE(complaint("espalier = 1\nname = = 2\n").starts_with("x.toml:2:8: this is not TOML: "));
  EXPECT_TRUE(complaint("a = 1\na = 2\n").starts_with("x.toml:2:"));
  EXPECT_EQ(complaint("x" +
                      [] {
                        std::string deep;
                        for (int i = 0; i < 300000; ++i) deep += ".a";
                        return deep;
                      }() +
                      " = 1\n"),
            "x.toml:1:402: this key is nested too deeply\n    an experiment's keys have at most a few parts");
  EXPECT_TRUE(complaint(std::string(100000, '[')).starts_with("x.toml:1:"));
  EXPECT_TRUE(complaint("a = " + std::string(100000, '[')).starts_with("x.toml:1:"));
  EXPECT_TRUE(complaint("name = \"\xff\"\n").starts_with("x.toml:1:"));
}

TEST_F(Messages, OfTheTopLevel) {
  EXPECT_EQ(complaint(""),
            "x.toml:1:1: the experiment lacks the key 'espalier'\n"
            "x.toml:1:1: the experiment lacks the key 'name'\n"
            "x.toml:1:1: the experiment has no [[grid]]");
  EXPECT_EQ(top("name = \"a\"\nespalier = 2"),
            "x.toml:2:12: 'espalier', the format's version, is the integer 2, expected 1\n    this program reads "
            "format 1 only");
  EXPECT_EQ(top("espalier = 1\nname = \".a/b\""),
            "x.toml:2:8: '.a/b' cannot be an experiment's name\n"
            "    expected letters, digits, '-', '_' and '.', not starting with '.', at most 200");
  EXPECT_EQ(top("espalier = 1\nname = 3"), "x.toml:2:8: 'name' is the integer 3, expected a text in quotes");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\nquestoin = \"x\""),
            "x.toml:3:1: unknown key 'questoin'\n    did you mean 'question'?\n"
            "    known: dataset, espalier, grid, include, limits, measure, model, name, question, recovery, scorer, "
            "searcher\n"
            "    in the experiment");
  EXPECT_EQ(complaint("espalier = 1\nname = \"a\"\n[grid]\nmodel = 1\n"),
            "x.toml:3:1: 'grid' is a table, expected [[grid]] in double brackets");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\n[recovery.none]\nplugin = \"lora\""),
            "x.toml:3:11: 'none' means no recovery and cannot be defined");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\n[scorer.none]\nplugin = \"random\""),
            "x.toml:3:9: 'none' means no scorer and cannot be defined");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\nmeasure = { latency = { batch = [], repeat = 2 } }"),
            "x.toml:3:33: 'batch' is an empty list, expected batch sizes such as [1, 8]\n"
            "x.toml:3:37: unknown key 'repeat'\n    did you mean 'repeats'?\n    known: batch, device, repeats\n    "
            "in [measure] latency");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\nmeasure = { latency = { batch = 1, device = \"cuda:0\" } }"),
            "x.toml:3:45: unknown device 'cuda:0'\n    did you mean 'cuda'?\n    known: cpu, cuda");
}

TEST_F(Messages, OfLimits) {
  EXPECT_EQ(
      top("espalier = 1\nname = \"a\"\nlimits = { cell_timeout = \"soon\", cell_memory = \"much\", attempts = 0 }"),
      "x.toml:3:27: cell_timeout is 'soon', expected a time of more than 0\n    as in 90s, 10min, 1.5h, 2d or plain "
      "seconds\n"
      "x.toml:3:49: cell_memory is 'much', expected a number of bytes\n    as in 20GiB, 500MB or 1000000; units: B, "
      "kB, MB, GB, TB, KiB, MiB, GiB, TiB\n"
      "x.toml:3:68: 'attempts' is the integer 0, expected an integer of at least 1");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\nlimits = { cell_time = 3 }"),
            "x.toml:3:12: unknown key 'cell_time'\n    did you mean 'cell_timeout'?\n    known: attempts, cell_memory, "
            "cell_timeout\n    in [limits]");
  EXPECT_EQ(top("espalier = 1\nname = \"a\"\nlimits = 3"), "x.toml:3:10: 'limits' is the integer 3, expected a table");
}

TEST_F(Messages, OfModels) {
  EXPECT_EQ(model("family = \"brt\""),
            "x.toml:3:1: [model.m] lacks the key 'checkpoint'\n"
            "x.toml:4:10: unknown family 'brt'\n    did you mean 'bert'?\n    known: ast, bert, whisper");
  EXPECT_EQ(model("family = \"bert\"\ncheckpoint = \"\""),
            "x.toml:5:14: 'checkpoint' is not a path: it is empty or has a line break or a zero byte");
  EXPECT_EQ(train("epochs = 0"), "x.toml:6:20: 'epochs' is the integer 0, expected an integer of at least 1");
  EXPECT_EQ(train("epochs = 1.5"), "x.toml:6:20: 'epochs' is the number 1.5, expected an integer of at least 1");
  EXPECT_EQ(train("batch = \"8\""),
            "x.toml:6:19: 'batch' is the text '8', expected an integer of at least 1\n    without quotes: 8");
  EXPECT_EQ(train("learning_rate = 0"), "x.toml:6:27: 'learning_rate' is the integer 0, expected a positive number");
  EXPECT_EQ(train("learning_rate = inf"), "x.toml:6:27: 'learning_rate' is the number inf, expected a positive number");
  EXPECT_EQ(train("weight_decay = -1"),
            "x.toml:6:26: 'weight_decay' is the integer -1, expected a number of at least 0");
  EXPECT_EQ(train("warmup = 1.5"), "x.toml:6:20: 'warmup' is the number 1.5, expected a number from 0 to 1");
  EXPECT_EQ(train("clip_norm = nan"), "x.toml:6:23: 'clip_norm' is the number nan, expected a number of at least 0");
  EXPECT_EQ(train("seed = -1"), "x.toml:6:18: 'seed' is the integer -1, expected an integer of at least 0");
  EXPECT_EQ(train("epoch = 1"),
            "x.toml:6:11: unknown key 'epoch'\n    did you mean 'epochs'?\n"
            "    known: batch, clip_norm, epochs, frequency_mask, initializer_range, learning_rate, mixup, noise, "
            "patch_deviation, seed, shift, start, time_mask, token_deviation, warmup, weight_decay\n"
            "    in [model.m] train");
}

TEST_F(Messages, OfDatasets) {
  EXPECT_EQ(
      complaint(
          "espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n[dataset.d]\n"
          "format = \"text\"\ntest = 1979-05-27\nlimit = { tets = 1, train = 0 }\nmax_tokens = true\n"
          "[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\n"),
      "x.toml:7:10: unknown format 'text'\n    did you mean 'text-classification'?\n"
      "    known: audio-classification, audio-tagging, speech-recognition, text-classification\n"
      "x.toml:8:8: 'test' is a date or time, expected a text in quotes\n"
      "x.toml:9:11: unknown key 'tets'\n    did you mean 'test'?\n    known: test, train, validation\n"
      "    in [dataset.d] limit\n"
      "x.toml:9:29: 'limit.train' is the integer 0, expected an integer of at least 1\n"
      "x.toml:10:14: 'max_tokens' is true, expected an integer of at least 1");
}

TEST_F(Messages, OfPlugins) {
  EXPECT_EQ(grid("sparsity = 0.5\nrecovery = { plugin = \"lorra\" }"),
            "x.toml:17:23: unknown recovery 'lorra'\n    did you mean 'lora'?\n    known: lora");
  EXPECT_EQ(grid("sparsity = 0.5\nrecovery = { rank = 3 }"),
            "x.toml:17:12: this recovery lacks the key 'plugin'\n    known: lora");
  EXPECT_EQ(
      grid("sparsity = 0.5\nrecovery = { plugin = \"lora\", rang = 3, epochs = 1.5, rank = [1, 2] }"),
      "x.toml:17:31: unknown setting of recovery 'lora': 'rang'\n    did you mean 'rank'?\n    known: epochs, rank\n"
      "x.toml:17:41: setting 'epochs' of recovery 'lora' is 1.5, expected an integer (passes over the data)\n"
      "x.toml:17:62: 'rank' is a list, expected one value\n    to compare several, name a definition for each");
  EXPECT_EQ(grid("sparsity = 0.5\nsearcher = \"rank\""),
            "x.toml:17:12: unknown searcher 'rank'\n    did you mean 'ranking'?\n    known: a-star, gates, lookahead, "
            "ranking");
}

TEST_F(Messages, OfAxes) {
  EXPECT_EQ(grid("sparsity = 1.5"), "x.toml:16:12: 'sparsity' is the number 1.5, expected a number from 0 to 1");
  EXPECT_EQ(grid("sparsity = []"), "x.toml:16:12: 'sparsity' is an empty list, expected at least one value");
  EXPECT_EQ(grid("sparsity = [0.5, \"x\"]"), "x.toml:16:18: 'sparsity' is the text 'x', expected a number from 0 to 1");
  EXPECT_EQ(grid("heads = 0"), "x.toml:16:9: 'heads' is the integer 0, expected an integer of at least 1");
  EXPECT_EQ(
      grid("latency = 0"),
      "x.toml:16:11: 'latency' is the integer 0, expected a share of the dense model's time, a number above 0 and "
      "at most 1");
  EXPECT_EQ(grid("macs = [0.5, 2e9]"),
            "x.toml:16:14: 'macs' is the number 2000000000, expected a share of the dense model's multiply-adds, a "
            "number above 0 and at most 1");
  EXPECT_EQ(grid("loss_of_metric = -0.1"),
            "x.toml:16:18: 'loss_of_metric' is the number -0.1, expected a number of at least 0");
  EXPECT_EQ(grid(""),
            "x.toml:11:1: [[grid]] lacks a budget\n    expected one of sparsity, heads, macs, latency, loss_of_metric");
  EXPECT_EQ(grid("sparsity = 0.5\nheads = 3"),
            "x.toml:17:1: [[grid]] has several budgets: sparsity, heads\n"
            "    expected one of sparsity, heads, macs, latency, loss_of_metric");
  EXPECT_EQ(grid("sparsity = 0.5\nseed = [0, -1]"),
            "x.toml:17:12: 'seed' is the integer -1, expected an integer of at least 0");
  EXPECT_EQ(grid("sparsity = 0.5\nscope = \"globl\""),
            "x.toml:17:9: unknown scope 'globl'\n    did you mean 'global'?\n    known: global, local");
  EXPECT_EQ(grid("sparsity = 0.5\nsites = \"encoder\""),
            "x.toml:17:9: unknown site filter 'encoder'\n    did you mean 'encoder-self'?\n"
            "    known: all, decoder-cross, decoder-self, encoder-self, self");
  EXPECT_EQ(grid("sparsity = 0.5\ncompute = \"float61\""),
            "x.toml:17:11: unknown compute type 'float61'\n    did you mean 'float32'?\n    known: bfloat16, float16, "
            "float32, tf32");
  EXPECT_EQ(grid("sparsity = 0.5\nrounding = \"up\""),
            "x.toml:17:12: unknown rounding 'up'\n    known: ceil, floor, nearest");
  EXPECT_EQ(grid("sparsity = 0.5\nsoftmax_scale = 0"),
            "x.toml:17:17: 'softmax_scale' is the integer 0, expected 'original', 'pruned-width' or a positive number");
  EXPECT_EQ(grid("sparsity = 0.5\ncount_output_bias = 1"),
            "x.toml:17:21: 'count_output_bias' is the integer 1, expected true or false");
  EXPECT_EQ(grid("sparsity = 0.5\nschedule = 3"),
            "x.toml:17:12: 'schedule' is the integer 3, expected 'none' or a table such as "
            "{ steps = 10, fraction = 0.1, of = \"remaining\" }");
  EXPECT_EQ(grid("sparsity = 0.5\nschedule = { fraction = 0 }"),
            "x.toml:17:12: schedule lacks the key 'steps'\n"
            "x.toml:17:25: 'fraction' is the integer 0, expected a number above 0 and at most 1");
  EXPECT_EQ(
      grid("sparsity = 0.5\norder = \"rnadom\""),
      "x.toml:17:9: unknown order 'rnadom'\n    did you mean 'random'?\n    known: as-written, coarse-to-fine, random");
  EXPECT_EQ(grid("sparsity = 0.5\npriority = \"high\""),
            "x.toml:17:12: 'priority' is the text 'high', expected an integer of at least -1000000");
  EXPECT_EQ(grid("sparsity = 0.5\npriority = 1.5"),
            "x.toml:17:12: 'priority' is the number 1.5, expected an integer of at least -1000000");
  EXPECT_TRUE(
      grid("sparsity = 0.5\nscoped = 1").starts_with("x.toml:17:1: unknown key 'scoped'\n    did you mean 'scope'?\n"));
}

TEST_F(Messages, OfLinkedAxes) {
  EXPECT_EQ(
      grid("sparsity = [0.5, 0.6]\nseed = [1, 2, 3]\nlinked = [[\"sparsity\", \"seed\"]]"),
      "x.toml:18:11: linked lists differ in length: sparsity has 2, seed has 3\n    expected as many values in each");
  EXPECT_EQ(grid("sparsity = 0.5\nlinked = [[\"sparsity\", \"base_seed\"]]"),
            "x.toml:17:24: linked axis 'base_seed' is not in this grid");
  EXPECT_TRUE(grid("sparsity = 0.5\nlinked = [[\"sprsity\", \"scorer\"]]")
                  .starts_with("x.toml:17:12: unknown axis 'sprsity'\n    did you mean 'sparsity'?\n"));
  EXPECT_EQ(grid("sparsity = 0.5\nlinked = [[\"sparsity\", \"scorer\"], [\"scorer\", \"model\"]]"),
            "x.toml:17:36: axis 'scorer' is linked twice");
  EXPECT_EQ(grid("sparsity = 0.5\nlinked = [\"sparsity\", \"scorer\"]"),
            "x.toml:17:11: 'linked' is the text 'sparsity', expected a list of lists of axes, such as [[\"model\", "
            "\"dataset\"]]\n"
            "x.toml:17:23: 'linked' is the text 'scorer', expected a list of lists of axes, such as [[\"model\", "
            "\"dataset\"]]");
}

TEST_F(Messages, SayEverythingAtOnceButNoMoreThanTwenty) {
  std::string many;
  for (int i = 0; i < 30; ++i) many.append("x").append(std::to_string(i)).append(" = 1\n");

  const auto said = grid("sparsity = 0.5\n" + many);

  EXPECT_NE(said.find("x.toml:17:1: unknown key 'x0'"), std::string::npos);
  EXPECT_NE(said.find("x.toml:36:1: unknown key 'x19'"), std::string::npos);
  EXPECT_EQ(said.find("'x20'"), std::string::npos);
  EXPECT_TRUE(said.ends_with("\n... and 10 more"));
}

TEST_F(Messages, WarnOfWhatIsProbablyMeantOtherwise) {
  const auto experiment = read(
      "espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n"
      "[model.unused]\nfamily = \"ast\"\ncheckpoint = \"x\"\n"
      "[dataset.d]\nformat = \"text-classification\"\nvalidation = \"./test.tsv\"\ntest = \"test.tsv\"\n"
      "[scorer.s]\nplugin = \"fisher\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\n"
      "scorer = \"random\"\nsparsity = 0.5\n");
  std::vector<std::string> warnings;
  for (const auto& warning : experiment.warnings) warnings.push_back(without_folder(warning));

  EXPECT_EQ(warnings,
            (std::vector<std::string>{"x.toml:6:8: no grid uses model 'unused'", "x.toml:13:9: no grid uses scorer 's'",
                                      "x.toml:9:10: dataset 'd': one file serves as test and validation: test.tsv"}));
}

TEST_F(Messages, RefuseModelsThatCannotReadTheirData) {
  const std::string data = "[dataset.d]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n";
  const std::string grid =
      "[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\n";
  const auto model = [](const std::string& family) {
    return "espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"" + family + "\"\ncheckpoint = \"minilm\"\n";
  };
  EXPECT_EQ(complaint(model("whisper") + data + grid),
            "x.toml:9:1: model 'm' (whisper) cannot read dataset 'd' (text-classification)\n"
            "    bert reads text-classification, ast audio-classification and audio-tagging, whisper "
            "speech-recognition");
  EXPECT_EQ(complaint(model("bert") + data + grid + "sites = \"decoder-cross\"\n"),
            "x.toml:9:1: model 'm' (bert) has no decoder-cross sites\n    its sites: encoder-self");
}

TEST_F(Messages, RefuseKeysOfOtherFormats) {
  EXPECT_EQ(complaint("espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"ast\"\ncheckpoint = \"x\"\n"
                      "[dataset.d]\nformat = \"audio-classification\"\ntest = \"test.tsv\"\nnormalizer = \"ascii\"\n"
                      "bad_files = \"ignore\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\n"
                      "scorer = \"random\"\nsparsity = 0.5\n"),
            "x.toml:9:1: 'normalizer' means nothing to audio-classification data ([dataset.d])\n"
            "    it belongs to speech-recognition\n"
            "x.toml:10:13: unknown bad_files 'ignore'\n    known: refuse, skip");
}

TEST_F(Messages, RefuseRecipesThatCannotBeFollowed) {
  const auto recipe = [&](const std::string& family, const std::string& train) {
    return complaint("espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"" + family +
                     "\"\ncheckpoint = \"x\"\ntrain = { " + train + " }\n[dataset.d]\nformat = \"" +
                     (family == "bert" ? "text-classification" : "speech-recognition") +
                     "\"\ntest = \"test.tsv\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\n"
                     "scorer = \"random\"\nsparsity = 0.5\n");
  };
  EXPECT_EQ(recipe("whisper", "epochs = 1"),
            "x.toml:6:9: a Whisper model is used as its checkpoint is: 'train' fine-tunes bert and ast only");
  EXPECT_EQ(recipe("bert", "start = \"scratch\""),
            "x.toml:6:9: start = \"scratch\" makes the weights of an ast model; this is bert\n"
            "    give a checkpoint with weights and leave 'start' out");
  EXPECT_EQ(recipe("bert", "mixup = 0.5"),
            "x.toml:6:9: mixup, frequency_mask, time_mask, shift and noise augment audio; a bert model reads text");
}

}  // namespace
}  // namespace espalier::grid
