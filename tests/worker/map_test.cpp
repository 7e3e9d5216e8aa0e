// espalier map and espalier bench as a user meets them.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "families/families.h"
#include "nn/mask_file.h"
#include "nn/safetensors.h"
#include "tiny_world.h"

namespace espalier::test {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

const Words map_words = {"map", "--model", "trained", "--data", "test.tsv", "--format", "text-classification"};

void expect_refused(const Ran& ran, int exit_code, const std::string& said) {
  EXPECT_EQ(ran.exit_code, exit_code) << ran.err;
  EXPECT_NE(ran.err.find(said), std::string::npos) << "expected: " << said << "\nfound: " << ran.err;
  EXPECT_EQ(ran.out, "");
}

// What evaluate says of the model without one unit.
Json without(const TinyWorld& world, const Units& units, std::int64_t unit) {
  auto kept = at::ones({units.count()}, at::kBool);
  kept[unit] = false;
  nn::write_mask(world.folder / "one.safetensors", units.sites(), units.mask(kept), {});
  const auto ran = world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--format",
                                   "text-classification", "--mask", "one.safetensors", "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  return Json::parse(ran.out)["metrics"];
}

TEST(Map, IsWhatEvaluateSaysOfEachHeadLeftOutAlone) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);

  const auto ran = world.espalier(with(map_words, {"--json", "--output", "map.safetensors", "--svg", "map.svg"}));

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto map = Json::parse(ran.out);
  EXPECT_EQ(map["examples"], 60);
  EXPECT_EQ(map["masks"], 6);
  EXPECT_EQ(map["metric"], "accuracy");
  EXPECT_EQ(map["heads"], (std::vector<int>{3, 3}));
  EXPECT_LT(map["multiply_adds"]["done"].get<double>(), map["multiply_adds"]["plain"].get<double>());
  const auto model = families::read_model(world.folder / "trained");
  const Units units(model->sites(), Granularity::Head);
  const auto scores = nn::read_scores(world.folder / "map.safetensors", units);
  EXPECT_EQ(scores.metadata.at("scorer"), "leave-one-out");
  for (std::int64_t unit = 0; unit < units.count(); ++unit) {
    const auto& one = units[unit];
    const auto metrics = without(world, units, unit);
    const double loss = metrics["cross_entropy"].get<double>() - map["dense"]["cross_entropy"].get<double>();
    const double of_metric = map["dense"]["accuracy"].get<double>() - metrics["accuracy"].get<double>();
    EXPECT_EQ(map["sites"][static_cast<std::size_t>(one.site)], units.sites()[static_cast<std::size_t>(one.site)].name);
    EXPECT_DOUBLE_EQ(map["loss"][static_cast<std::size_t>(one.site)][static_cast<std::size_t>(one.head)], loss);
    EXPECT_DOUBLE_EQ(map["metric_loss"][static_cast<std::size_t>(one.site)][static_cast<std::size_t>(one.head)],
                     of_metric);
    EXPECT_FLOAT_EQ(scores.values[unit].item<float>(), static_cast<float>(loss));
  }
  EXPECT_TRUE(read_file(world.folder / "map.svg").starts_with("<svg "));
  EXPECT_EQ(
      world.espalier({"prune", "--model", "trained", "--scores", "map.safetensors", "--heads", "3", "--output", "half"})
          .exit_code,
      0);
}

TEST(Map, ShowsHeadsAndNamesTheExtremes) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const auto ran = world.espalier(map_words);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  for (const char* line :
       {"trained\n", "test.tsv: 60 examples\n", "dense: accuracy ", "\n6 masks in ",
        "Rise of the cross-entropy without each head", "Loss of accuracy without each head", "  layer 1 ",
        "  layer N: bert.encoder.layer.N.attention.self\n", "  most:  layer ", "  least: layer "})
    EXPECT_NE(ran.out.find(line), std::string::npos) << line << ran.out;
}

TEST(Map, OfAMetricScoresWhatThatMetricLoses) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const auto ran = world.espalier(with(map_words, {"--metric", "macro_f1", "--json", "--output", "map.safetensors"}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto map = Json::parse(ran.out);
  const auto model = families::read_model(world.folder / "trained");
  const Units units(model->sites(), Granularity::Head);
  const auto scores = nn::read_scores(world.folder / "map.safetensors", units);
  EXPECT_EQ(scores.metadata.at("settings"), R"({"metric":"macro_f1"})");
  EXPECT_FLOAT_EQ(scores.values[4].item<float>(), map["metric_loss"][1][1].get<float>());

  expect_refused(world.espalier(with(map_words, {"--metric", "acuracy"})), 2,
                 "unknown metric of text-classification data: 'acuracy'");
}

TEST(Map, OfChannelsListsUnitsAndAddsThemUpByHead) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const auto words = with(map_words, {"--limit", "10", "--granularity"});
  const auto json = world.espalier(with(words, {"head-channel", "--json"}));
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto map = Json::parse(json.out);
  EXPECT_FALSE(map.contains("loss"));
  ASSERT_EQ(map["units"].size(), 48U);
  EXPECT_EQ(map["units"][0]["kind"], "qk");
  EXPECT_TRUE(map["units"][0]["loss"].is_number());
  EXPECT_NE(world.espalier(with(words, {"head-channel"})).out.find("added up by head (48 units)"), std::string::npos);
  const auto same = world.espalier(with(words, {"same-channel"}));
  EXPECT_NE(same.out.find("there is no table of heads; --json has them all."), std::string::npos) << same.out;
  expect_refused(world.espalier(with(words, {"same-channel", "--svg", "map.svg"})), 2,
                 "--svg shows heads, and a unit of granularity same-channel is of all heads");
}

TEST(Map, OfAScorerHoldsItsScores) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const auto ran = world.espalier({"map", "--model", "trained", "--scorer", "magnitude", "--output", "map.safetensors",
                                   "--svg", "map.svg", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  ASSERT_EQ(
      world.espalier({"score", "--model", "trained", "--scorer", "magnitude", "--output", "s.safetensors"}).exit_code,
      0);
  const auto map = nn::read_safetensors(world.folder / "map.safetensors");
  const auto scores = nn::read_safetensors(world.folder / "s.safetensors");
  EXPECT_EQ(map.metadata, scores.metadata);
  for (const auto& [name, tensor] : scores.tensors) EXPECT_TRUE(at::equal(map.tensors.at(name), tensor)) << name;
  const auto document = Json::parse(ran.out);
  EXPECT_EQ(document["scorer"], "magnitude");
  EXPECT_EQ(document["scores"].size(), 2U);
}

TEST(Map, RefusesWhatDoesNotGoTogether) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  expect_refused(world.espalier({"map", "--model", "trained"}), 2,
                 "map leaves out each head and evaluates the model, and no data is given");
  expect_refused(world.espalier(with(map_words, {"--set", "norm=2"})), 2,
                 "--set is a setting of a scorer, and none is given");
  expect_refused(world.espalier(with(map_words, {"--scorer", "fisher", "--metric", "accuracy"})), 2,
                 "--metric is of leaving heads out, and --scorer fisher gives scores of its own");
  expect_refused(world.espalier(with(map_words, {"--svg", "a", "--output", "./a"})), 2,
                 "--svg and --output name the same file: a");
  expect_refused(world.espalier(with(map_words, {"--svg", "test.tsv"})), 2, "--svg");
  expect_refused(world.espalier({"map", "--model", "model", "--data", "test.tsv"}), 5,
                 "model: has no classification head, so it loses nothing without a head");
}

TEST(Map, APathMayHoldAnything) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const std::string hostile = "<b a='1'>&\"";
  std::filesystem::rename(world.folder / "trained", world.folder / hostile);
  const auto ran =
      world.espalier({"map", "--model", hostile, "--data", "test.tsv", "--limit", "5", "--svg", "map.svg"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(read_file(world.folder / "map.svg").find("Heads of &lt;b a=&#39;1&#39;&gt;&amp;&quot;</title>"),
            std::string::npos);
}

TEST(Bench, TimesEveryWayAndFindsThatTheyAgree) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  const Words words = {"bench",   "--model", "trained",   "--data", "test.tsv",  "--format", "text-classification",
                       "--masks", "4",       "--seconds", "0.01",   "--threads", "1"};
  const auto ran = world.espalier(with(words, {"--json"}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto answer = Json::parse(ran.out);
  EXPECT_EQ(answer["examples"], 60);
  EXPECT_EQ(answer["threads"], 1);
  EXPECT_EQ(answer["device"], "cpu");
  EXPECT_GT(answer["peak"]["multiply_adds_a_second"].get<double>(), 1e8);
  ASSERT_EQ(answer["sets"].size(), 2U);
  for (const auto& set : answer["sets"]) {
    EXPECT_EQ(set["count"], 4);
    EXPECT_GE(set["rounds"], 3);
    EXPECT_LT(set["largest_difference"].get<double>(), 1e-4);
    EXPECT_EQ(set["ways"][0]["way"], "plain");
    EXPECT_EQ(set["ways"][0]["ratio_to_plain"], 1);
    for (const auto& way : set["ways"]) {
      EXPECT_GT(way["masks_a_second"].get<double>(), 0) << way;
      ASSERT_TRUE(way["ratio_low"].is_number() && way["ratio_high"].is_number()) << way;
      EXPECT_LE(way["ratio_low"], way["ratio_to_plain"]) << way;
      EXPECT_GE(way["ratio_high"], way["ratio_to_plain"]) << way;
    }
    EXPECT_EQ(set["ways"].back()["way"], "bounded");
    // Each leaves out more: padding, pruned heads, what is known.
    for (std::size_t i = 1; i < 4; ++i)
      EXPECT_LT(set["ways"][i]["multiply_adds"], set["ways"][i - 1]["multiply_adds"]) << set["ways"][i];
  }
  const auto table = world.espalier(words);
  for (const char* line :
       {"trained on test.tsv: 60 examples, device cpu, 1 thread\n", "4 masks of a random half of the heads",
        "4 masks of single heads", "  together ", "answers agree to "})
    EXPECT_NE(table.out.find(line), std::string::npos) << line << table.out;
}

TEST(Bench, NeedsAHead) {
  const TinyWorld world;
  expect_refused(world.espalier({"bench", "--model", "model", "--data", "test.tsv"}), 5,
                 "model: has no classification head, so there is nothing to evaluate");
}

}  // namespace
}  // namespace espalier::test
