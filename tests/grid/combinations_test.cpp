// Values that are right alone and wrong together, with the place and the reason.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class Combinations : public GridTest {
 protected:
  // The lines begin at the file's 15th.
  static std::string with(const std::string& lines) {
    return test_head + "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n" + lines + "\n";
  }
  std::string said(const std::string& lines) { return complaint(with(lines)); }
  std::vector<CellSettings> cells(const std::string& lines) {
    std::vector<CellSettings> found;
    for (const auto& cell : read(with(lines)).cells) found.push_back(settings(cell));
    return found;
  }
};

TEST_F(Combinations, ASearcherWithoutScoresTakesNoScorer) {
  const auto found = cells("searcher = \"a-star\"\nheads = [2, 4]");

  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(to_json(found[0].scorer), to_json(PluginSettings{"none", "none", "", {}}));
  EXPECT_EQ(to_json(found[0].scorer), to_json(found[0].recovery));
  EXPECT_EQ(cells("searcher = \"a-star\"\nscorer = \"none\"\nheads = [2, 4]").size(), 2U);
  EXPECT_EQ(said("searcher = \"a-star\"\nscorer = [\"fisher\", \"none\"]\nheads = [2, 4]"),
            "x.toml:16:11: searcher 'a-star' searches without scores, and the grid gives it scorer 'fisher'\n"
            "    leave 'scorer' out, or put it into a [[grid]] of its own, or skip the pair");
}

TEST_F(Combinations, ASearcherWithScoresNeedsAScorer) {
  EXPECT_EQ(said("sparsity = 0.5"),
            "x.toml:11:1: searcher 'ranking' needs scores, and [[grid]] lacks the key 'scorer'\n"
            "    known: random, magnitude, fisher");
  EXPECT_EQ(said("searcher = [\"a-star\", \"lookahead\"]\nheads = 4"),
            "x.toml:11:1: searcher 'lookahead' needs scores, and [[grid]] lacks the key 'scorer'\n"
            "    known: random, magnitude, fisher");
  EXPECT_EQ(said("scorer = [\"random\", \"none\"]\nsparsity = 0.5"),
            "x.toml:15:21: searcher 'ranking' needs scores, and the grid gives it scorer 'none'\n"
            "    give it a scorer, or put it into a [[grid]] of its own, or skip the pair");
  EXPECT_EQ(said("skip = [{ seed = 7 }]\nsparsity = 0.5"),
            "x.toml:11:1: searcher 'ranking' needs scores, and the grid gives it scorer 'none'\n"
            "    give it a scorer, or put it into a [[grid]] of its own, or skip the pair");
}

TEST_F(Combinations, SkippedPairsMeetNowhere) {
  const std::string both =
      "scorer = [\"none\", \"fisher\"]\nsearcher = [\"ranking\", \"a-star\"]\nheads = 4\nseed = [0, 1]\n";
  const auto found = cells(both +
                           "skip = [{ searcher = \"a-star\", scorer = \"fi*\" }, { searcher = \"ranking\", "
                           "scorer = \"none\" }]");

  ASSERT_EQ(found.size(), 4U);
  for (const auto& cell : found) EXPECT_EQ(cell.scorer.plugin == "none", cell.searcher.plugin == "a-star");
  // Left out for one seed alone, the pair still meets.
  EXPECT_EQ(said(both + "skip = [{ searcher = \"a-star\", scorer = \"fisher\", seed = 1 }, { searcher = \"ranking\", "
                        "scorer = \"none\" }]"),
            "x.toml:15:19: searcher 'a-star' searches without scores, and the grid gives it scorer 'fisher'\n"
            "    leave 'scorer' out, or put it into a [[grid]] of its own, or skip the pair");
  EXPECT_EQ(cells(both + "skip = [{ searcher = \"a-star\", scorer = \"fisher\", seed = [0, 1] }, { searcher = "
                         "\"ranking\", scorer = \"none\" }]")
                .size(),
            4U);
}

TEST_F(Combinations, LinkedPairsMeetAlone) {
  EXPECT_EQ(cells("scorer = [\"none\", \"fisher\"]\nsearcher = [\"a-star\", \"ranking\"]\nheads = 4\n"
                  "linked = [[\"scorer\", \"searcher\"]]")
                .size(),
            2U);
}

TEST_F(Combinations, WhatASliceLeavesOutMeetsAllTheSame) {
  const std::string lines = "scorer = [\"none\", \"fisher\"]\nsearcher = [\"ranking\", \"a-star\"]\nheads = 4";
  const auto whole = said(lines);
  options_.only = "searcher=ranking,scorer=fisher";

  EXPECT_NE(whole.find("searcher 'ranking' needs scores"), std::string::npos) << whole;
  EXPECT_EQ(said(lines), whole);
}

TEST_F(Combinations, ABudgetIsOneThatTheSearcherUnderstands) {
  EXPECT_EQ(said("searcher = \"a-star\"\nsparsity = [0.25, 0.5]"),
            "x.toml:16:13: searcher 'a-star' does not understand the budget 'sparsity'\n"
            "    it understands heads, loss_of_metric");
  EXPECT_EQ(said("searcher = \"gates\"\nlatency = 0.5"),
            "x.toml:16:11: searcher 'gates' does not understand the budget 'latency'\n"
            "    it understands sparsity, heads");
  EXPECT_EQ(
      said("searcher = \"a-star\"\nschedule = { steps = 2, fraction = 0.5 }"),
      "x.toml:16:12: searcher 'a-star' does not understand the budget 'sparsity', which this schedule stands for\n"
      "    it understands heads, loss_of_metric");
  EXPECT_EQ(cells("searcher = \"gates\"\nschedule = { steps = 2, fraction = 0.5 }").size(), 1U);
  // What a card does not say is left to the search.
  EXPECT_EQ(cells("scorer = \"fisher\"\nmacs = 0.5").size(), 1U);
  EXPECT_EQ(cells("scorer = \"fisher\"\nlatency = 1").size(), 1U);
}

TEST_F(Combinations, ASearcherOfHeadsNeedsHeads) {
  EXPECT_EQ(complaint(test_head +
                      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = [\"head\", \"v-channel\"]\n"
                      "searcher = \"a-star\"\nheads = 4\n"),
            "x.toml:14:24: searcher 'a-star' chooses among whole heads, and the grid gives it granularity 'v-channel'\n"
            "    expected granularity 'head', or another searcher");
}

TEST_F(Combinations, ASchedulesBudgetIsSparsityOrHeads) {
  for (const std::string kind : {"macs", "latency", "loss_of_metric"}) {
    EXPECT_EQ(said("scorer = \"fisher\"\n" + kind + " = 0.5\nschedule = [\"none\", { steps = 4 }]"),
              "x.toml:17:21: a schedule leads to a sparsity or a count of heads, and the budget is '" + kind +
                  "'\n    leave 'schedule' out, or ask for sparsity or heads");
  }
  for (const std::string schedule :
       {"{ steps = 4 }", "{ steps = 4, shape = \"geometric\" }", "{ steps = 4, fraction = 0.25 }"}) {
    const auto found = cells("scorer = \"fisher\"\nheads = 4\nschedule = " + schedule);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].budget.kind, BudgetKind::Heads);
    EXPECT_EQ(found[0].schedule->steps, 4);
  }
}

TEST_F(Combinations, AGeometricScheduleLeadsToSomething) {
  EXPECT_EQ(said("scorer = \"fisher\"\nsparsity = [0.5, 1]\nschedule = [{ steps = 4 }, { steps = 3, shape = "
                 "\"geometric\" }, { steps = 9, fraction = 0.5 }]"),
            "x.toml:16:18: schedule '3-geometric' cannot lead to sparsity 1: each step keeps the same share of what is "
            "left, and no share of it is nothing\n    use shape = \"linear\", a fraction, or a sparsity below 1");
  EXPECT_EQ(said("scorer = \"fisher\"\nsparsity = [0.5, 1]\nschedule = [{ steps = 4 }, { steps = 3, shape = "
                 "\"geometric\" }]\nskip = [{ sparsity = 1, schedule = \"3-geometric\" }]"),
            "no complaint");
  EXPECT_EQ(said("scorer = \"fisher\"\nsparsity = 0.999\nschedule = { steps = 4, shape = \"geometric\" }"),
            "no complaint");
}

TEST_F(Combinations, NoMoreHeadsAreKeptThanThereAre) {
  const auto kept = [&](const std::string& heads) { return said("scorer = \"fisher\"\nheads = " + heads); };

  write("minilm/config.json", R"({"num_hidden_layers": 6, "num_attention_heads": 12})");
  EXPECT_EQ(kept("[1, 72]"), "no complaint");
  EXPECT_EQ(kept("[1, 73]"),
            "x.toml:16:13: heads = 73 is more than there are: model 'minilm' has 72 heads\n"
            "    expected how many stay, from 1 to 72");
  write("minilm/config.json", "{}");  // the defaults of transformers
  EXPECT_EQ(kept("144"), "no complaint");
  EXPECT_NE(kept("145").find("has 144 heads"), std::string::npos);
  // Who reads the checkpoint says what is wrong with it.
  for (const char* odd : {"not JSON", "[]", R"({"num_hidden_layers": "6"})", R"({"num_attention_heads": -1})",
                          R"({"num_attention_heads": 1e99})"}) {
    write("minilm/config.json", odd);
    EXPECT_EQ(kept("1000000"), "no complaint") << odd;
  }
  std::filesystem::remove(folder_ / "minilm/config.json");
  EXPECT_EQ(kept("1000000"), "no complaint");
}

TEST_F(Combinations, EachModelAndSiteFilterHasItsHeads) {
  write("small/config.json", R"({"num_hidden_layers": 2, "num_attention_heads": 2})");
  write("minilm/config.json", R"({"num_hidden_layers": 6, "num_attention_heads": 12})");
  EXPECT_EQ(complaint(test_head + "[model.small]\nfamily = \"bert\"\ncheckpoint = \"small\"\n[[grid]]\n"
                                  "model = [\"minilm\", \"small\"]\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
                                  "scorer = \"fisher\"\nheads = [4, 5, 80]\n"),
            "x.toml:19:13: heads = 5 is more than there are: model 'small' has 4 heads\n"
            "    expected how many stay, from 1 to 4\n"
            "x.toml:19:16: heads = 80 is more than there are: model 'minilm' has 72 heads\n"
            "    expected how many stay, from 1 to 72\n"
            "x.toml:19:16: heads = 80 is more than there are: model 'small' has 4 heads\n"
            "    expected how many stay, from 1 to 4");

  write("tiny/config.json",
        R"({"encoder_layers": 2, "encoder_attention_heads": 3, "decoder_layers": 4, "decoder_attention_heads": 5})");
  const auto tiny = [&](const std::string& sites, int heads) {
    return complaint(
        "espalier = 1\nname = \"a\"\n[model.tiny]\nfamily = \"whisper\"\ncheckpoint = \"tiny\"\n"
        "[dataset.d]\nformat = \"speech-recognition\"\ntest = \"test.tsv\"\n[[grid]]\nmodel = \"tiny\"\n"
        "dataset = \"d\"\ngranularity = \"head\"\nscorer = \"magnitude\"\nsites = \"" +
        sites + "\"\nheads = " + std::to_string(heads) + "\n");
  };
  for (const auto& [sites, heads] : std::map<std::string, int>{
           {"all", 46}, {"self", 26}, {"encoder-self", 6}, {"decoder-self", 20}, {"decoder-cross", 20}}) {
    EXPECT_EQ(tiny(sites, heads), "no complaint") << sites;
    EXPECT_NE(tiny(sites, heads + 1), "no complaint") << sites;
  }
  EXPECT_EQ(tiny("decoder-cross", 21),
            "x.toml:15:9: heads = 21 is more than there are: model 'tiny' has 20 heads at sites decoder-cross\n"
            "    expected how many stay, from 1 to 20");
}

TEST_F(Combinations, AMetricIsOneOfTheDatasets) {
  const auto metric = [&](const std::string& name, const std::string& budget = "loss_of_metric = 0.01") {
    return complaint(test_head + "[searcher.s]\nplugin = \"a-star\"\nmetric = \"" + name +
                     "\"\n[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
                     "searcher = \"s\"\n" +
                     budget + "\n");
  };

  for (const char* known : {"", "accuracy", "macro_f1", "mcc"}) EXPECT_EQ(metric(known), "no complaint") << known;
  EXPECT_EQ(metric("acuracy"),
            "x.toml:13:10: unknown metric of text-classification data 'acuracy'\n    did you mean 'accuracy'?\n"
            "    known: accuracy, macro_f1, mcc");
  EXPECT_EQ(metric("wer"),
            "x.toml:13:10: unknown metric of text-classification data 'wer'\n    known: accuracy, macro_f1, mcc");
  EXPECT_EQ(metric("cross_entropy"),
            "x.toml:13:10: the budget loss_of_metric cannot be of 'cross_entropy', which has no bound\n"
            "    expected one of accuracy, macro_f1, mcc, or no 'metric': then it is the task's first");
  EXPECT_EQ(metric("cross_entropy", "heads = 4"), "no complaint");
  EXPECT_EQ(metric("wer", "heads = 4"),
            "x.toml:13:10: unknown metric of text-classification data 'wer'\n"
            "    known: accuracy, cross_entropy, macro_f1, mcc");
}

TEST_F(Combinations, EachFormatHasItsMetrics) {
  const auto said = [&](const std::string& family, const std::string& format, const std::string& metric) {
    return complaint("espalier = 1\nname = \"a\"\n[model.m]\nfamily = \"" + family +
                     "\"\ncheckpoint = \"m\"\n[dataset.d]\nformat = \"" + format +
                     "\"\ntest = \"test.tsv\"\n[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\n"
                     "searcher = { plugin = \"a-star\", metric = \"" +
                     metric + "\" }\nloss_of_metric = 0.01\n");
  };
  const std::map<std::string, std::pair<std::string, std::vector<std::string>>> known = {
      {"audio-classification", {"ast", {"accuracy", "macro_f1", "mcc"}}},
      {"audio-tagging", {"ast", {"map", "mauc"}}},
      {"speech-recognition", {"whisper", {"wer", "cer", "bleu"}}}};
  for (const auto& [format, family_and_metrics] : known) {
    const auto& [family, metrics] = family_and_metrics;
    for (const auto& metric : metrics) EXPECT_EQ(said(family, format, metric), "no complaint") << format;
    for (const auto& [other, metrics_of_other] : known) {
      for (const auto& metric : metrics_of_other.second) {
        const bool fits = std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
        EXPECT_EQ(said(family, format, metric) == "no complaint", fits) << format << " " << metric;
      }
    }
  }
}

TEST_F(Combinations, SayEachThingOnce) {
  EXPECT_EQ(said("searcher = \"a-star\"\nscorer = \"fisher\"\nheads = [2, 3, 4]\nseed = [0, 1, 2]"),
            "x.toml:16:10: searcher 'a-star' searches without scores, and the grid gives it scorer 'fisher'\n"
            "    leave 'scorer' out, or put it into a [[grid]] of its own, or skip the pair");
}

class SplitsOfSearchers : public GridTest {
 protected:
  std::vector<std::string> missing(const std::string& splits, const std::string& lines) {
    return read(
               "espalier = 1\nname = \"a\"\n[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n"
               "[dataset.d]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n" +
               splits + "[[grid]]\nmodel = \"minilm\"\ndataset = \"d\"\ngranularity = \"head\"\n" + lines + "\n")
        .missing;
  }
  using Lines = std::vector<std::string>;
};

TEST_F(SplitsOfSearchers, AreNeededByWhatTheyDo) {
  const std::string train = "train = \"train.tsv\"\n", validation = "validation = \"validation.tsv\"\n";
  const std::string no_train = "dataset.d.train (split 'train' is needed by searcher ";
  const std::string no_validation = "dataset.d.validation (split 'validation' is needed by searcher ";

  EXPECT_EQ(missing("", "searcher = \"gates\"\nheads = 4"), Lines{no_train + "'gates' but not given)"});
  EXPECT_EQ(missing(train, "searcher = \"gates\"\nheads = 4"), Lines{});
  EXPECT_EQ(missing(train, "searcher = \"a-star\"\nheads = 4"), Lines{no_validation + "'a-star' but not given)"});
  EXPECT_EQ(missing(validation, "searcher = \"a-star\"\nheads = 4"), Lines{});
  for (auto& plugin : options_.plugins) plugin.traits = plugin.name == "gates" ? trains | evaluates : no_traits;
  EXPECT_EQ(missing("", "searcher = \"gates\"\nheads = 4"),
            (Lines{no_train + "'gates' but not given)", no_validation + "'gates' but not given)"}));
}

TEST_F(Combinations, Float16TrainsNothing) {
  const std::string lines = "scorer = \"fisher\"\nsparsity = 0.5\ncompute = [\"bfloat16\", \"float16\"]\n";
  const auto refused = [](const std::string& what) {
    return "x.toml:17:24: compute = \"float16\" trains nothing, and " + what +
           "\n    use \"bfloat16\", which has the range of float32, or give float16 a [[grid]] of its own without "
           "training";
  };

  EXPECT_EQ(cells(lines).size(), 2U);
  EXPECT_EQ(
      cells(lines + "recovery = [\"none\", \"lora\"]\nskip = [{ compute = \"float16\", recovery = \"lora\" }]").size(),
      3U);
  EXPECT_EQ(said(lines + "recovery = [\"none\", \"lora\"]"), refused("recovery 'lora' trains"));
  EXPECT_EQ(said("searcher = \"gates\"\nsparsity = 0.5\ncompute = [\"bfloat16\", \"float16\"]"),
            refused("searcher 'gates' trains"));
  auto trained = with("scorer = \"fisher\"\nsparsity = 0.5\ncompute = \"float16\"");
  trained.replace(trained.find("checkpoint = \"minilm\""), 21, "checkpoint = \"minilm\"\ntrain = {}");
  EXPECT_EQ(
      complaint(trained),
      "x.toml:18:11: compute = \"float16\" trains nothing, and model 'minilm' is trained\n    use \"bfloat16\", which "
      "has the range of float32, or give float16 a [[grid]] of its own without training");
}

TEST_F(SplitsOfSearchers, ArePartOfTheKey) {
  const auto key = [&](const std::string& searcher) {
    return read_grid("[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nsearcher = \"" +
                     searcher + "\"\nheads = 4\n")
        .cells.at(0)
        .key;
  };
  const auto gates = key("gates"), a_star = key("a-star");

  write("train.tsv", "other");
  EXPECT_NE(key("gates"), gates);
  EXPECT_EQ(key("a-star"), a_star);
  write("validation.tsv", "other");
  EXPECT_NE(key("a-star"), a_star);
}

}  // namespace
}  // namespace espalier::grid
