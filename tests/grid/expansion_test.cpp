#include <chrono>
#include <set>

#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class Expansion : public GridTest {
 protected:
  std::string start_ =
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n";

  std::vector<std::pair<double, std::int64_t>> budgets_and_seeds(const Experiment& experiment) {
    std::vector<std::pair<double, std::int64_t>> found;
    for (const auto& cell : experiment.cells) found.emplace_back(settings(cell).budget.value, settings(cell).seed);
    return found;
  }
  using Pairs = std::vector<std::pair<double, std::int64_t>>;

  static std::vector<std::uint32_t> ranks(const Experiment& experiment) {
    std::vector<std::uint32_t> found;
    for (std::size_t cell = 0; cell < experiment.cells.size(); ++cell) found.push_back(experiment.cells.rank(cell));
    return found;
  }
};

TEST_F(Expansion, FillsInTheDefaults) {
  const auto cell = settings(read_grid(start_ + "sparsity = 0.5\n").cells.at(0));

  EXPECT_EQ(cell.searcher.plugin, "ranking");
  EXPECT_EQ(cell.scope, Scope::Global);
  EXPECT_EQ(cell.recovery.plugin, "none");
  EXPECT_EQ(cell.sites, SiteFilter::All);
  EXPECT_EQ(cell.seed, 0);
  EXPECT_EQ(cell.base_seed, 0);
  EXPECT_EQ(cell.compute, ComputeType::Float32);
  EXPECT_EQ(to_string(cell.softmax_scale), "original");
  EXPECT_EQ(cell.rounding, Rounding::Nearest);
  EXPECT_FALSE(cell.count_output_bias);
  EXPECT_FALSE(cell.schedule);
  EXPECT_FALSE(cell.model.train);
  EXPECT_TRUE(cell.measure.proof);
  EXPECT_FALSE(cell.measure.latency);
}

TEST_F(Expansion, ReadsEverySetting) {
  const auto experiment = read(R"(espalier = 1
name = "all.of-it_1"
question = "Why?"
[model.m]
family = "bert"
checkpoint = "minilm"
train = { epochs = 3, batch = 8, learning_rate = 1e-4, weight_decay = 0, warmup = 0.1, clip_norm = 2, seed = 7 }
[dataset.d]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "/somewhere/test.tsv"
text = "sentence"
pair = "second"
label = "class"
limit = { train = 4000, test = 10 }
max_tokens = 64
[searcher.s]
plugin = "ranking"
keep_one = true
keep_one_head = true
[measure]
latency = { batch = [1, 8], repeats = 5 }
proof = false
[[grid]]
model = "m"
dataset = "d"
granularity = "v-channel"
sites = "encoder-self"
scorer = { plugin = "fisher", samples = 10, damping = 1 }
searcher = "s"
scope = "local"
heads = 12
schedule = { steps = 10, fraction = 0.1, of = "remaining", rounding = "floor" }
recovery = { plugin = "lora", rank = 4 }
compute = "bfloat16"
softmax_scale = 0.125
rounding = "ceil"
count_output_bias = true
seed = 3
base_seed = 4
)");
  const auto cell = settings(experiment.cells.at(0));

  EXPECT_EQ(experiment.name, "all.of-it_1");
  EXPECT_EQ(experiment.question, "Why?");
  EXPECT_EQ(cell.model.train, (TrainSettings{3, 8, 1e-4, 0, 0.1, 2, 7}));
  EXPECT_EQ(cell.model.checkpoint, (folder_ / "minilm").string());
  EXPECT_EQ(cell.dataset.split.at("test"), "/somewhere/test.tsv");
  EXPECT_EQ(cell.dataset.text, "sentence");
  EXPECT_EQ(cell.dataset.pair, "second");
  EXPECT_EQ(cell.dataset.label, "class");
  EXPECT_EQ(cell.dataset.limit, (std::map<std::string, std::int64_t>{{"test", 10}, {"train", 4000}}));
  EXPECT_EQ(cell.dataset.max_tokens, 64);
  EXPECT_EQ(cell.granularity, Granularity::VChannel);
  EXPECT_EQ(cell.sites, SiteFilter::EncoderSelf);
  EXPECT_EQ(cell.scorer.name, "fisher");
  EXPECT_EQ(cell.scorer.version, "1.1.0");
  EXPECT_EQ(cell.scorer.settings.get<std::int64_t>("samples"), 10);
  EXPECT_EQ(cell.scorer.settings.values().at("damping"), SettingValue(1.0));
  EXPECT_EQ(cell.scorer.settings.get<std::string>("squares"), "per-sample");
  EXPECT_EQ(cell.searcher.name, "s");
  EXPECT_TRUE(cell.searcher.settings.get<bool>("keep_one"));
  EXPECT_TRUE(cell.searcher.settings.get<bool>("keep_one_head"));
  EXPECT_EQ(cell.searcher.settings.get<std::string>("rescue"), "best");
  EXPECT_EQ(cell.budget.kind, BudgetKind::Heads);
  EXPECT_EQ(cell.budget.value, 12);
  EXPECT_EQ(cell.schedule->steps, 10);
  EXPECT_EQ(cell.schedule->rounding, Rounding::Floor);
  EXPECT_EQ(cell.recovery.settings.get<std::int64_t>("rank"), 4);
  EXPECT_EQ(cell.compute, ComputeType::BFloat16);
  EXPECT_EQ(to_string(cell.softmax_scale), "0.125");
  EXPECT_EQ(cell.rounding, Rounding::Ceil);
  EXPECT_TRUE(cell.count_output_bias);
  EXPECT_EQ(cell.seed, 3);
  EXPECT_EQ(cell.base_seed, 4);
  EXPECT_FALSE(cell.measure.proof);
  EXPECT_EQ(cell.measure.latency->batch, (std::vector<std::int64_t>{1, 8}));
  EXPECT_EQ(cell.measure.latency->repeats, 5);
}

TEST_F(Expansion, VariesTheAxisWrittenFirstSlowest) {
  EXPECT_EQ(budgets_and_seeds(read_grid(start_ + "sparsity = [0.1, 0.2]\nseed = [0, 1]\n")),
            (Pairs{{0.1, 0}, {0.1, 1}, {0.2, 0}, {0.2, 1}}));
  EXPECT_EQ(budgets_and_seeds(read_grid(start_ + "seed = [0, 1]\nsparsity = [0.1, 0.2]\n")),
            (Pairs{{0.1, 0}, {0.2, 0}, {0.1, 1}, {0.2, 1}}));
}

TEST_F(Expansion, GoesFromCoarseToFineOnRequest) {
  const auto found = budgets_and_seeds(
      read_grid(start_ + "sparsity = [0.3, 0.1, 0.2, 0.5, 0.4]\nseed = [0, 1]\norder = \"coarse-to-fine\"\n"));

  EXPECT_EQ(
      found,
      (Pairs{{0.1, 0}, {0.5, 0}, {0.3, 0}, {0.2, 0}, {0.4, 0}, {0.1, 1}, {0.5, 1}, {0.3, 1}, {0.2, 1}, {0.4, 1}}));
}

TEST_F(Expansion, GoesFromCoarseToFineInAllGridsTogether) {
  const auto coarse = [&](const std::string& axes) { return start_ + "order = \"coarse-to-fine\"\n" + axes; };
  const auto experiment = read_grid(coarse("sparsity = [0.1, 0.2, 0.3]\nseed = [0, 1]\n") +
                                    coarse("sparsity = [0.5, 0.7, 0.6, 0.8, 0.9]\nseed = 2\n"));

  // The ends of both, the middles of both; seeds come last.
  EXPECT_EQ(budgets_and_seeds(experiment), (Pairs{{0.1, 0},
                                                  {0.5, 2},
                                                  {0.3, 0},
                                                  {0.9, 2},
                                                  {0.2, 0},
                                                  {0.7, 2},
                                                  {0.6, 2},
                                                  {0.8, 2},
                                                  {0.1, 1},
                                                  {0.3, 1},
                                                  {0.2, 1}}));
  EXPECT_EQ(ranks(experiment), (std::vector<std::uint32_t>{0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7}));
}

TEST_F(Expansion, KeepsGridsOfOtherOrdersInTheirPlace) {
  const auto experiment =
      read_grid(start_ + "sparsity = [0.2, 0.1]\n" + start_ + "sparsity = [0.3, 0.4]\norder = \"coarse-to-fine\"\n" +
                start_ + "sparsity = [0.8, 0.7]\n" + start_ + "sparsity = [0.5, 0.6]\norder = \"coarse-to-fine\"\n");

  EXPECT_EQ(budgets_and_seeds(experiment),
            (Pairs{{0.2, 0}, {0.1, 0}, {0.3, 0}, {0.5, 0}, {0.4, 0}, {0.6, 0}, {0.8, 0}, {0.7, 0}}));
  EXPECT_EQ(ranks(experiment), (std::vector<std::uint32_t>{0, 0, 1, 1, 2, 2, 3, 3}));
}

TEST_F(Expansion, RunsHigherPrioritiesFirst) {
  const auto experiment = read_grid(start_ + "sparsity = [0.1, 0.2]\npriority = -1\n" + start_ + "sparsity = 0.3\n" +
                                    start_ + "sparsity = [0.4, 0.5]\npriority = 7\norder = \"coarse-to-fine\"\n");

  EXPECT_EQ(budgets_and_seeds(experiment), (Pairs{{0.4, 0}, {0.5, 0}, {0.3, 0}, {0.1, 0}, {0.2, 0}}));
  EXPECT_EQ(ranks(experiment), (std::vector<std::uint32_t>{0, 1, 2, 3, 3}));
  ASSERT_EQ(experiment.priorities.size(), 3U);
  EXPECT_EQ(experiment.priorities[0].priority, 7);
  EXPECT_EQ(experiment.priorities[0].cells, 2);
  EXPECT_EQ(experiment.priorities[2].priority, -1);
  EXPECT_EQ(experiment.priorities[2].cells, 2);
}

TEST_F(Expansion, RunsACellOfSeveralGridsWhereItIsEarliest) {
  const auto experiment =
      read_grid(start_ + "sparsity = [0.1, 0.2, 0.3]\n" + start_ + "sparsity = 0.3\npriority = 1\n");

  EXPECT_EQ(budgets_and_seeds(experiment), (Pairs{{0.3, 0}, {0.1, 0}, {0.2, 0}}));
  EXPECT_TRUE(experiment.warnings.empty()) << "the second grid is there for the order";
  ASSERT_EQ(experiment.priorities.size(), 2U);
  EXPECT_EQ(experiment.priorities[0].cells, 1);
}

TEST_F(Expansion, RanksASliceAndTheWholeFileAlike) {
  options_.only = "sparsity=0.5";
  const auto experiment =
      read_grid(start_ + "sparsity = [0.1, 0.2]\n" + start_ + "sparsity = [0.5, 0.6]\npriority = 1\n");

  ASSERT_EQ(experiment.cells.size(), 1U);
  ASSERT_EQ(experiment.whole.size(), 4U);
  EXPECT_TRUE(experiment.whole.asked(0));
  EXPECT_EQ(experiment.whole.key(0), experiment.cells.key(0));
  EXPECT_EQ(experiment.whole.rank(0), 0U);
  EXPECT_EQ(experiment.whole.rank(3), 1U);
}

TEST_F(Expansion, KeepsARandomOrderCellByCell) {
  const auto experiment = read_grid(start_ + "sparsity = [0.1, 0.2, 0.3]\norder = \"random\"\n");

  EXPECT_EQ(ranks(experiment), (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_F(Expansion, ShufflesByTheExperimentsName) {
  const auto grid = start_ + "sparsity = [0.1, 0.2, 0.3, 0.4]\nseed = [0, 1, 2, 3, 4]\n";
  const auto written = keys(read_grid(grid));
  const auto random = keys(read_grid(grid + "order = \"random\"\n"));
  const auto again = keys(read_grid(grid + "order = \"random\"\n"));
  options_.sets = {"name=other"};
  const auto other = keys(read_grid(grid + "order = \"random\"\n"));

  EXPECT_EQ(random, again);
  EXPECT_NE(random, written);
  EXPECT_NE(random, other);
  EXPECT_EQ(std::set(random.begin(), random.end()), std::set(written.begin(), written.end()));
}

TEST_F(Expansion, AdvancesLinkedAxesTogether) {
  const auto found = budgets_and_seeds(read_grid(
      start_ +
      "sparsity = [0.1, 0.2]\nseed = [5, 6]\nlinked = [[\"sparsity\", \"seed\"]]\nscope = [\"local\", \"global\"]\n"));

  EXPECT_EQ(found, (Pairs{{0.1, 5}, {0.1, 5}, {0.2, 6}, {0.2, 6}}));
}

TEST_F(Expansion, KeepsACellOfSeveralGridsOnce) {
  const auto experiment = read_grid(start_ + "sparsity = [0.1, 0.2]\n" + start_ + "sparsity = [0.2, 0.20, 0.3]\n");

  EXPECT_EQ(budgets_and_seeds(experiment), (Pairs{{0.1, 0}, {0.2, 0}, {0.3, 0}}));
}

TEST_F(Expansion, TellsUnnamedDefinitionsOfOnePluginApart) {
  const auto names = [&](const std::string& recovery) {
    std::vector<std::string> found;
    for (const auto& cell : read_grid(start_ + "sparsity = 0.5\nrecovery = " + recovery + "\n").cells) {
      found.push_back(settings(cell).recovery.name);
    }
    return found;
  };

  EXPECT_EQ(names("[\"none\", { plugin = \"lora\", rank = 4 }]"), (std::vector<std::string>{"none", "lora"}));
  EXPECT_EQ(names("[\"lora\", { plugin = \"lora\", rank = 4 }]"), (std::vector<std::string>{"lora", "lora(rank=4)"}));
}

TEST_F(Expansion, RefusesABillionCellsAtOnce) {
  std::string thousand = "[0";
  for (int i = 1; i < 1000; ++i) thousand.append(", ").append(std::to_string(i));
  thousand += "]\n";
  const auto begin = std::chrono::steady_clock::now();

  EXPECT_EQ(
      complaint(test_head +
                "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n"
                "loss_of_metric = " +
                thousand + "seed = " + thousand + "base_seed = " + thousand),
      "x.toml:11:1: too many cells: 1000000000, at most 10000000 are allowed\n"
      "    shorten a list, or split the experiment into several files");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(Expansion, CountsWithoutOverflow) {
  std::string list = "[1";
  for (int i = 2; i <= 20000; ++i) list.append(",").append(std::to_string(i));
  list += "]\n";
  std::string words = "[\"local\"";
  for (int i = 1; i < 20000; ++i) words += ",\"local\"";
  words += "]\n";

  EXPECT_EQ(complaint(test_head + start_ + "heads = " + list + "seed = " + list + "base_seed = " + list +
                      "scope = " + words + "softmax_scale = " + list),
            "x.toml:11:1: too many cells: more than 18446744073709551615, at most 10000000 are allowed\n"
            "    shorten a list, or split the experiment into several files");
}

TEST_F(Expansion, ResolvesNamesBeforePlugins) {
  const auto cell =
      settings(read(test_head + "[scorer.magnitude]\nplugin = \"fisher\"\nsamples = 3\n"
                                "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
                                "scorer = \"magnitude\"\nsparsity = 0.5\n")
                   .cells.at(0));

  EXPECT_EQ(cell.scorer.name, "magnitude");
  EXPECT_EQ(cell.scorer.plugin, "fisher");
}

TEST_F(Expansion, TakesUnnamedModelsAndDatasets) {
  const auto cell = settings(read("espalier = 1\nname = \"a\"\n[[grid]]\n"
                                  "model = { family = \"bert\", checkpoint = \"minilm/\" }\n"
                                  "dataset = { format = \"text-classification\", test = \"data/wordnet/test.tsv\" }\n"
                                  "granularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\n")
                                 .cells.at(0));

  EXPECT_EQ(cell.model.name, "minilm");
  EXPECT_EQ(cell.dataset.name, "wordnet");
}

}  // namespace
}  // namespace espalier::grid
