// Scores against numbers computed on paper.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "plugins/bundled.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// What a bundled scorer answers through the loader.
at::Tensor scores_of(const std::string& name, const Settings& settings, FakeModel& model, const Units& units,
                     std::vector<Batch> batches = {}, std::uint64_t seed = 1,
                     std::function<double(const Mask&)> evaluate = {}) {
  const auto scorer = bundled().make_scorer(name, settings);
  Batches stream(std::move(batches));
  Random random(seed);
  const auto evaluate_each = [&](std::span<const Mask> masks) {
    std::vector<double> qualities;
    for (const auto& mask : masks) qualities.push_back(evaluate(mask));
    return qualities;
  };
  ScoringTask task{model, units, stream, random, evaluate_each};
  return loader::call_scorer(name, *scorer, task);
}

at::Tensor doubles(std::vector<double> values) { return at::tensor(values, at::kDouble); }

// One site, two heads of one channel over two features.
//   head 0: Q (3, -4)  K (0, 2)  V (1, 1)  O (-6, 8)     head 1: ones everywhere
FakeModel two_heads() {
  FakeModel model(layers(1, 2, 1, 2));
  const double rows[4][2] = {{3, -4}, {0, 2}, {1, 1}, {-6, 8}};
  for (const auto projection : all_projections) {
    auto& weights = model.of(0, projection);
    weights.fill_(1);
    for (int feature = 0; feature < 2; ++feature)
      weights[0][0][feature] = rows[static_cast<std::size_t>(projection)][feature];
  }
  return model;
}

const std::vector<const char*> on_data = {"ablation",      "confidence",  "entropy", "fisher",
                                          "gate-gradient", "mask-fisher", "taylor",  "wanda"};

Settings norm(std::int64_t p) { return Settings({{"norm", p}}); }

TEST(Bundled, AllAreThereAndNoneIsRefused) {
  EXPECT_TRUE(bundled().refusals().empty()) << bundled().refusals()[0].message;
  for (const char* name : on_data) EXPECT_TRUE(bundled().find("scorer", name).has(needs_data)) << name;
  for (const char* name : {"magnitude", "random"}) EXPECT_FALSE(bundled().find("scorer", name).has(needs_data)) << name;
  EXPECT_TRUE(bundled().find("searcher", "ranking").has(needs_scores));
}

TEST(Magnitude, OfHeads) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::Head);

  EXPECT_TRUE(is_close(scores_of("magnitude", norm(1), model, units), doubles({(7 + 2 + 2 + 14) / 4.0, 2})));
  EXPECT_TRUE(is_close(scores_of("magnitude", norm(2), model, units),
                       doubles({(5 + 2 + std::sqrt(2) + 10) / 4, std::sqrt(2)}), {1e-15, 0}));
}

TEST(Magnitude, OfChannelPairs) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::HeadChannel);

  EXPECT_TRUE(is_close(scores_of("magnitude", norm(1), model, units), doubles({4.5, 2, 8, 2})));
  EXPECT_TRUE(is_close(scores_of("magnitude", norm(2), model, units),
                       doubles({3.5, std::sqrt(2), (std::sqrt(2) + 10) / 2, std::sqrt(2)}), {1e-15, 0}));
}

TEST(Magnitude, OfSingleProjections) {
  auto model = two_heads();
  const Granularity granularities[] = {Granularity::QChannel, Granularity::KChannel, Granularity::VChannel,
                                       Granularity::OChannel};
  const double head_0[] = {7, 2, 2, 14};

  for (std::size_t i = 0; i < 4; ++i) {
    const Units units(model.sites(), granularities[i]);
    EXPECT_TRUE(is_close(scores_of("magnitude", {}, model, units), doubles({head_0[i], 2})));
  }
  EXPECT_TRUE(is_close(scores_of("magnitude", {}, model, Units(model.sites(), Granularity::ProjectionChannel)),
                       doubles({7, 2, 2, 2, 2, 2, 14, 2})));
}

TEST(Magnitude, OfEqualQueryAndKeyIsThatOfEither) {
  FakeModel model(uneven());
  Random random(3);
  for (std::size_t site = 0; site < 2; ++site) {
    auto& query = model.of(site, Projection::Q);
    query = random.uniform(query.numel()).sub(0.5).view(query.sizes());
    model.of(site, Projection::K) = query.clone();
  }
  const Units pairs(uneven(), Granularity::HeadChannel), queries(uneven(), Granularity::QChannel);

  const auto of_pairs = scores_of("magnitude", {}, model, pairs),
             of_queries = scores_of("magnitude", {}, model, queries);

  std::int64_t next = 0;
  for (std::int64_t i = 0; i < pairs.count(); ++i) {
    if (pairs[i].kind != UnitKind::QK) continue;
    EXPECT_EQ(of_pairs[i].item<double>(), of_queries[next++].item<double>());
  }
}

TEST(Magnitude, GrowsWithTheWeights) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::HeadChannel);
  const auto before = scores_of("magnitude", {}, model, units);

  for (const auto projection : all_projections) model.of(0, projection).mul_(-4);

  EXPECT_TRUE(is_close(scores_of("magnitude", {}, model, units), before * 4));
}

TEST(Magnitude, LooksAtChosenSitesOnly) {
  FakeModel model(uneven());
  model.of(1, Projection::V).fill_(2);

  EXPECT_TRUE(is_close(scores_of("magnitude", {}, model, Units(uneven(), Granularity::Head, "decoder-cross")),
                       doubles({4, 4, 4})));
}

// Gradients +1 and -1 of two examples: their squares are 1, the square of their mean 0. Head 1 has +1 twice.
TEST(Fisher, PerSampleAndPerBatchAreDifferentEstimators) {
  FakeModel model(layers(1, 2, 1, 1));
  const Units units(model.sites(), Granularity::QChannel);
  const auto score = [&](const char* squares) {
    return scores_of("fisher", Settings({{"squares", std::string(squares)}, {"batch", std::int64_t{2}}}), model, units,
                     {batch_of_gradients(doubles({1, 1, -1, 1}).view({2, 2}))});
  };

  EXPECT_TRUE(is_close(score("per-sample"), doubles({1 + 1e-6, 1 + 1e-6}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score("per-batch"), doubles({1e-6, 1 + 1e-6}), {1e-14, 0}));
}

// Half the squared weights: head 0 (9 + 16) / 2 for Q, 2 for K, 1 for V, 50 for O; head 1 one for each.
TEST(Fisher, MayBeWeighted) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::ProjectionChannel), heads(model.sites(), Granularity::Head);
  const auto batch = batch_of_gradients(doubles({1, 3, -1, 1}).view({2, 2}));  // squares 1 and 5; of the mean 0 and 4
  const auto score = [&](const char* squares, double damping, const Units& of) {
    return scores_of("fisher", Settings({{"weighted", true}, {"squares", std::string(squares)}, {"damping", damping}}),
                     model, of, {batch});
  };

  EXPECT_TRUE(is_close(score("per-sample", 0, units), doubles({12.5, 5, 2, 5, 1, 5, 50, 5}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score("per-sample", 0.5, heads), doubles({1.5 * 65.5, 5.5 * 4}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score("per-batch", 0.5, heads), doubles({0.5 * 65.5, 4.5 * 4}), {1e-14, 0}));
}

TEST(Fisher, PerSampleDoesNotDependOnTheBatches) {
  FakeModel model(uneven());
  const Units units(uneven(), Granularity::HeadChannel);

  const auto together = scores_of("fisher", {}, model, units, {batch_of_gradients({1, 2, 3, 4})});
  const auto apart = scores_of("fisher", {}, model, units, {batch_of_gradients({1}), batch_of_gradients({2, 3, 4})});

  EXPECT_TRUE(is_close(together, apart, {1e-14, 0}));
  EXPECT_TRUE(is_close(together, (7.5 + 1e-6) * units.weight_counts(), {1e-12, 0}));
}

// The paper counts floor(samples / batch) gradients; a rest that does not fill a batch is left out.
TEST(Fisher, PerBatchLeavesTheRestOut) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::KChannel);
  const Settings settings({{"squares", std::string("per-batch")}, {"batch", std::int64_t{2}}, {"damping", 0.0}});

  const auto score = scores_of("fisher", settings, model, units,
                               {batch_of_gradients({1, 3}), batch_of_gradients({2, 4}), batch_of_gradients({100})});
  const auto of_few = scores_of("fisher", settings, model, units, {batch_of_gradients({3})});

  EXPECT_TRUE(is_close(score, doubles({(4 + 9) / 2.0})));
  EXPECT_TRUE(is_close(of_few, doubles({9})));
}

TEST(Fisher, DampingIsAFloorForEveryWeight) {
  FakeModel model(layers(1, 2, 64, 768));
  const Units heads(model.sites(), Granularity::Head), pairs(model.sites(), Granularity::HeadChannel);

  const auto batch = batch_of_gradients({1e-12});

  EXPECT_TRUE(is_close(scores_of("fisher", {}, model, heads, {batch}), doubles({0.196608, 0.196608}), {1e-12, 0}));
  EXPECT_TRUE(
      is_close(scores_of("fisher", {}, model, pairs, {batch}), at::full({256}, 0.001536, at::kDouble), {1e-12, 0}));
}

// That is what lets the engine compute a head's score from those of its channels.
TEST(Fisher, OfAHeadIsTheSumOfItsChannels) {
  FakeModel model(uneven());
  const Units heads(uneven(), Granularity::Head), pairs(uneven(), Granularity::HeadChannel);
  const std::vector<Batch> batches = {batch_of_gradients({1, -2})};
  const auto of_heads = scores_of("fisher", {}, model, heads, batches),
             of_pairs = scores_of("fisher", {}, model, pairs, batches);

  auto sums = at::zeros({heads.count()}, at::kDouble);
  for (std::int64_t i = 0; i < pairs.count(); ++i) sums[pairs[i].site * 2 + pairs[i].head] += of_pairs[i];

  EXPECT_TRUE(bundled().find("scorer", "fisher").has(sums_over_channels));
  EXPECT_TRUE(is_close(of_heads, sums, {1e-12, 0}));
}

TEST(Scorers, OnDataRefuseNoExamples) {
  FakeModel model(uneven());
  const Units units(uneven(), Granularity::Head);

  for (const char* name : on_data) {
    EXPECT_EQ(message_of<InputError>([&] { scores_of(name, {}, model, units); }),
              std::string(name) + " was given no examples");
  }
}

// A model that is its own teacher, for instance, learns nothing: damping and ties would pass for a ranking.
TEST(Scorers, OnGradientsRefuseWhereAllAreZero) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::Head);
  auto batch = batch_of_slopes(at::zeros({2, 1, 2}, at::kDouble));
  batch.inputs["gradients"] = at::zeros({2, 1}, at::kDouble);
  const Settings distillation({{"loss", std::string("distillation")}});
  const std::pair<const char*, Settings> cases[] = {{"fisher", {}},
                                                    {"fisher", Settings({{"weighted", true}})},
                                                    {"taylor", {}},
                                                    {"mask-fisher", {}},
                                                    {"gate-gradient", distillation}};

  for (const auto& [name, settings] : cases) {
    EXPECT_EQ(message_of<InputError>(
                  [&, name = name, settings = settings] { scores_of(name, settings, model, units, {batch}); }),
              "all gradients are zero: the loss does not depend on the attention weights\n"
              "    with loss = \"distillation\" the teacher must not be the model itself")
        << name;
  }
}

TEST(Scorers, OnGradientsLeaveTheLossToTheHost) {
  for (const char* name : {"fisher", "gate-gradient", "mask-fisher", "taylor"}) {
    std::map<std::string, SettingValue> defaults;
    for (const auto& setting : bundled().find("scorer", name).description.settings)
      defaults[setting.name] = setting.default_value;
    EXPECT_EQ(defaults["loss"], SettingValue(std::string("task"))) << name;
    EXPECT_EQ(defaults["teacher"], SettingValue(std::string("dense"))) << name;
    EXPECT_EQ(defaults["temperature"], SettingValue(2.0)) << name;
  }
}

// The host refuses them for other granularities: espalier plan, and the engine.
TEST(Scorers, OfAttentionAreOfHeadsAlone) {
  for (const auto& plugin : bundled().plugins()) {
    const auto& description = plugin.description;
    if (description.role != "scorer") continue;
    EXPECT_EQ(description.has(heads_only), description.name == "confidence" || description.name == "entropy")
        << description.name;
  }
}

Settings absolute(const char* where) { return Settings({{"absolute", std::string(where)}}); }

// One example, two tokens, slopes +1 and -1: per token 2 (over two tokens: 1), per example and per batch 0.
TEST(GateGradient, CancelsLessTheSmallerThePiece) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const auto slopes = doubles({1, -1}).view({1, 2, 1});

  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("token"), model, units, {batch_of_slopes(slopes)}) * 2,
                       doubles({2})));
  EXPECT_TRUE(
      is_close(scores_of("gate-gradient", absolute("sample"), model, units, {batch_of_slopes(slopes)}), doubles({0})));
  EXPECT_TRUE(
      is_close(scores_of("gate-gradient", absolute("batch"), model, units, {batch_of_slopes(slopes)}), doubles({0})));
}

// Two examples of two tokens, two heads. Head 0: (1, 2) and (-3, -4); head 1: (1, -1) and (2, 2).
TEST(GateGradient, OfHeadsByHand) {
  FakeModel model(layers(1, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const auto slopes = doubles({1, 1, 2, -1, -3, 2, -4, 2}).view({2, 2, 2});
  const auto score = [&](const char* where) {
    return scores_of("gate-gradient", absolute(where), model, units, {batch_of_slopes(slopes)});
  };

  EXPECT_TRUE(is_close(score("token"), doubles({10 / 4.0, 6 / 4.0})));
  EXPECT_TRUE(is_close(score("sample"), doubles({(3 + 7) / 2.0, (0 + 4) / 2.0})));
  EXPECT_TRUE(is_close(score("batch"), doubles({4 / 2.0, 4 / 2.0})));
}

TEST(GateGradient, AveragesOverBatchesOfAnyLength) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const std::vector<Batch> batches = {batch_of_slopes(at::full({1, 3, 1}, 2.0, at::kDouble)),
                                      batch_of_slopes(at::full({2, 1, 1}, -1.0, at::kDouble))};

  EXPECT_TRUE(
      is_close(scores_of("gate-gradient", absolute("token"), model, units, batches), doubles({8 / 5.0}), {1e-15, 0}));
  EXPECT_TRUE(
      is_close(scores_of("gate-gradient", absolute("sample"), model, units, batches), doubles({8 / 3.0}), {1e-15, 0}));
}

// Models whose inputs are no token ids (spectrograms) have examples, but no tokens to tell apart.
TEST(GateGradient, NeedsTokensOnlyPerToken) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  auto batch = batch_of_slopes(doubles({1, -3}).view({2, 1, 1}));
  batch.inputs.erase("input_ids");

  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("sample"), model, units, {batch}), doubles({2})));
  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("batch"), model, units, {batch}), doubles({1})));
  EXPECT_EQ(message_of<SettingsError>([&] { scores_of("gate-gradient", absolute("token"), model, units, {batch}); }),
            "gate-gradient: absolute = \"token\" needs a model that reads tokens\n    use sample or batch");
}

TEST(GateGradient, CountsNoPadding) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  auto batch = batch_of_slopes(doubles({1, 2, 3, 3, 0, 0}).view({2, 3, 1}));
  batch.inputs["attention_mask"] = at::tensor({1, 1, 1, 1, 0, 0}, at::kLong).view({2, 3});

  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("token"), model, units, {batch}), doubles({9 / 4.0})));
}

// Two sites of two heads. Two batches: one example of three tokens, of which the last is padding; two of one token.
std::vector<Batch> two_batches() {
  auto padded = batch_of_slopes(doubles({1, -2, 3, 4, -5, 6, 7, -8, 0, 0, 0, 0}).view({1, 3, 4}));
  padded.inputs["attention_mask"] = at::tensor({1, 1, 0}, at::kLong).view({1, 3});
  return {padded, batch_of_slopes(doubles({2, 0, -1, 3, -4, 1, 5, -3}).view({2, 1, 4}))};
}

// Divided by their Euclidean norms, two and two.
at::Tensor by_site(const at::Tensor& scores) {
  const auto pairs = scores.view({2, 2});
  return (pairs / pairs.square().sum(1, true).sqrt()).flatten();
}

// Sums of absolute values: 6 + 6, 8 + 1, 10 + 6, 12 + 6; over four tokens, or three examples.
TEST(GateGradient, AsItsAuthorsTakeIt) {
  FakeModel model(layers(2, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  Settings settings({{"absolute", std::string("token")}, {"last_site", std::string("examples")}});
  const auto expected = doubles({12 / 4.0, 9 / 4.0, 16 / 3.0, 18 / 3.0});

  EXPECT_TRUE(is_close(scores_of("gate-gradient", settings, model, units, two_batches()), expected));
  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("token"), model, units, two_batches()),
                       doubles({12 / 4.0, 9 / 4.0, 16 / 4.0, 18 / 4.0})));
  settings.set("normalise", std::string("site"));
  EXPECT_TRUE(
      is_close(scores_of("gate-gradient", settings, model, units, two_batches()), by_site(expected), {1e-14, 0}));
}

// The last site is the model's, not the last of those that are scored.
TEST(GateGradient, KnowsTheLastSiteOfTheModel) {
  auto sites = layers(1, 2, 1, 1);
  sites.push_back(layers(1, 2, 1, 1, SiteKind::DecoderCross).front());
  FakeModel model(sites);
  const Units units(sites, Granularity::Head, "encoder-self");
  const auto batch = batch_of_slopes(doubles({1, 2, 3, 4}).view({1, 2, 2}));
  const Settings settings({{"absolute", std::string("token")}, {"last_site", std::string("examples")}});

  EXPECT_TRUE(is_close(scores_of("gate-gradient", settings, model, units, {batch}), doubles({4 / 2.0, 6 / 2.0})));
}

// The port in the project of differentiable subset pruning: absolute values of (-4, 4, 10, -4) and (-2, 1, 4, 0) / 2, over
// the tokens, then by site, then to [0, 1].
TEST(GateGradient, AsItIsPorted) {
  FakeModel model(layers(2, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  Settings settings({{"absolute", std::string("batch")}, {"reduction", std::string("mean")}});
  const auto sums = doubles({4 + 1, 4 + 0.5, 10 + 2, 4 + 0});

  EXPECT_TRUE(is_close(scores_of("gate-gradient", settings, model, units, two_batches()), sums / 3, {1e-15, 0}));
  EXPECT_TRUE(is_close(scores_of("gate-gradient", absolute("batch"), model, units, two_batches()),
                       doubles({4 + 2, 4 + 1, 10 + 4, 4 + 0}) / 3, {1e-15, 0}));
  settings.set("normalise", std::string("site"));
  const auto scores = scores_of("gate-gradient", settings, model, units, two_batches());
  const auto ported = by_site(sums / 4);
  EXPECT_TRUE(is_close(scores, ported, {1e-14, 0}));
  const auto unit_range = (ported - ported.min()) / (ported.max() - ported.min());
  EXPECT_TRUE(scores.argsort().equal(unit_range.argsort()));
}

TEST(GateGradient, AveragesLossesOfBatchesOnly) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::Head);

  for (const char* where : {"token", "sample"}) {
    auto settings = absolute(where);
    settings.set("reduction", std::string("mean"));
    EXPECT_EQ(
        message_of<SettingsError>([&] { scores_of("gate-gradient", settings, model, units); }),
        std::string("gate-gradient: reduction = \"mean\" needs absolute = \"batch\", and was given \"") + where + "\"");
  }
}

TEST(GateGradient, MayBeNormalisedBySite) {
  FakeModel model(layers(2, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const auto batch = batch_of_slopes(doubles({3, 4, 0, -10}).view({1, 1, 4}));

  const auto scores = scores_of("gate-gradient", Settings({{"normalise", std::string("site")}}), model, units, {batch});

  EXPECT_TRUE(is_close(scores, doubles({0.6, 0.8, 0, 1}), {1e-14, 0}));
}

// Head 0 has weights Q (3, -4), K (0, 2), V (1, 1), O (-6, 8); its gradients are 2 and -4, those of head 1 are 1.
TEST(Taylor, AveragesOverMiniBatches) {
  auto model = two_heads();
  const Units units(model.sites(), Granularity::ProjectionChannel);
  const std::vector<Batch> batches = {batch_of_gradients(doubles({1, 1, 3, 1}).view({2, 2})),
                                      batch_of_gradients(doubles({-4, 1}).view({1, 2}))};

  EXPECT_TRUE(is_close(scores_of("taylor", {}, model, units, batches), doubles({250, 2, 40, 2, 20, 2, 1000, 2})));
  EXPECT_TRUE(is_close(scores_of("taylor", Settings({{"power", std::string("absolute")}}), model, units, batches),
                       doubles({21, 2, 6, 2, 6, 2, 42, 2})));
}

TEST(Taylor, OfAHeadIsTheSumOfItsChannels) {
  auto model = two_heads();
  const auto batch = batch_of_gradients({1, 1});
  const auto of_pairs = scores_of("taylor", {}, model, Units(model.sites(), Granularity::HeadChannel), {batch});

  EXPECT_TRUE(bundled().find("scorer", "taylor").has(sums_over_channels));
  EXPECT_TRUE(is_close(of_pairs, doubles({29, 4, 102, 4})));
  EXPECT_TRUE(
      is_close(scores_of("taylor", {}, model, Units(model.sites(), Granularity::Head), {batch}), doubles({131, 8})));
}

// Two mini-batches of two examples; mean slopes of head 0: 2 and -1, of head 1: 0 and 3.
TEST(MaskFisher, SumsOverMiniBatches) {
  FakeModel model(layers(1, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const std::vector<Batch> batches = {batch_of_slopes(doubles({1, 5, 3, -5}).view({2, 1, 2})),
                                      batch_of_slopes(doubles({0, 2, -2, 4}).view({2, 1, 2}))};

  EXPECT_TRUE(is_close(scores_of("mask-fisher", {}, model, units, batches), doubles({4 + 1, 0 + 9})));
}

// An activity of one example; queries and keys are padding where `is_token` is zero.
SiteActivity activity_of(const at::Tensor& hidden, std::vector<std::int64_t> is_token) {
  SiteActivity activity;
  activity.hidden = hidden.unsqueeze(0);                                 // [1, tokens, width]
  activity.is_query = at::tensor(is_token).to(at::kBool).view({1, -1});  // [1, tokens]
  activity.is_key = activity.is_query;
  return activity;
}

// Tokens (1, 0) and (2, 2), and one that is padding: feature norms sqrt(5) and 2, one token a batch.
TEST(Wanda, OfAMatrixByHand) {
  FakeModel model(layers(1, 1, 2, 2));
  for (const auto projection : all_projections) model.of(0, projection).copy_(doubles({1, -2, 3, 0.5}).view({1, 2, 2}));
  for (const auto& token : {doubles({1, 0, 9, 9}), doubles({2, 2, 9, 9})}) {
    auto activity = activity_of(token.view({2, 2}), {1, 0});
    activity.context = (token * 10).view({1, 2, 1, 2});
    model.activities.push_back({activity});
  }
  const Units queries(model.sites(), Granularity::QChannel), keys(model.sites(), Granularity::KChannel),
      outputs(model.sites(), Granularity::OChannel), heads(model.sites(), Granularity::Head);
  const auto score = [&](const Units& units, const char* reduce) {
    return scores_of("wanda", Settings({{"reduce", std::string(reduce)}}), model, units,
                     {batch_of_row(0), batch_of_row(1)});
  };
  const auto root = std::sqrt(5.0);

  EXPECT_TRUE(is_close(score(queries, "sum"), doubles({2.2360680 + 4, 6.7082039 + 1}), {1e-7, 0}));
  EXPECT_TRUE(is_close(score(keys, "sum"), doubles({root + 4, 3 * root + 1}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score(queries, "norm"), doubles({std::sqrt(5.0 + 16), std::sqrt(45.0 + 1)}), {1e-14, 0}));
  // A channel of O reads one feature of the context.
  EXPECT_TRUE(is_close(score(outputs, "sum"), doubles({3 * 10 * root, 3.5 * 20}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score(heads, "sum"), doubles({3 * (4 * root + 5) + 30 * root + 70}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score(heads, "norm"), doubles({std::sqrt(3.0 * 67 + 5 * 500 + 9.25 * 400)}), {1e-14, 0}));
}

TEST(Wanda, ReadsTheMemoryForKeysAndValuesOfCrossAttention) {
  FakeModel model(layers(1, 1, 1, 2, SiteKind::DecoderCross));
  for (const auto projection : all_projections) model.of(0, projection).fill_(1);
  auto activity = activity_of(doubles({3, 4}).view({1, 2}), {1});
  activity.memory = doubles({5, 0, 12, 0, 9, 9}).view({1, 3, 2});
  activity.is_key = at::tensor({1, 1, 0}).to(at::kBool).view({1, 3});
  activity.context = doubles({-2}).view({1, 1, 1, 1});
  model.activities = {{activity}};

  EXPECT_TRUE(
      is_close(scores_of("wanda", {}, model, Units(model.sites(), Granularity::ProjectionChannel), {batch_of_row(0)}),
               doubles({7, 13, 13, 4}), {1e-14, 0}));
}

// One example of three queries over four keys. Head 0 is even and head 1 looks at one key, but for the last query.
SiteActivity even_and_focused(std::vector<std::int64_t> is_query) {
  SiteActivity activity;
  activity.attention = at::full({1, 2, 3, 4}, 0.25, at::kDouble);
  activity.attention[0][1] = doubles({1, 0, 0, 0});
  activity.attention[0].select(1, 2) = doubles({0.5, 0.5, 0, 0});
  activity.is_query = at::tensor(is_query).to(at::kBool).view({1, 3});
  return activity;
}

TEST(Entropy, OfEvenAndFocusedHeads) {
  FakeModel model(layers(1, 2, 1, 2));
  model.activities = {{even_and_focused({1, 1, 0})}, {even_and_focused({1, 1, 1})}};
  const Units units(model.sites(), Granularity::Head);
  const Settings spread({{"keep", std::string("spread")}});

  EXPECT_TRUE(is_close(scores_of("entropy", {}, model, units, {batch_of_row(0)}), doubles({-1.3862944, 0}), {1e-7, 0}));
  EXPECT_TRUE(
      is_close(scores_of("entropy", spread, model, units, {batch_of_row(0)}), doubles({std::log(4.0), 0}), {1e-14, 0}));
  // Five queries in two batches; the last of them has ln 2.
  EXPECT_TRUE(is_close(scores_of("entropy", spread, model, units, {batch_of_row(0), batch_of_row(1)}),
                       doubles({(4 * std::log(4.0) + std::log(2.0)) / 5, std::log(2.0) / 5}), {1e-14, 0}));
}

TEST(Confidence, OfEvenAndFocusedHeads) {
  FakeModel model(layers(1, 2, 1, 2));
  model.activities = {{even_and_focused({1, 1, 0})}, {even_and_focused({1, 1, 1})}};
  const Units units(model.sites(), Granularity::Head);

  EXPECT_TRUE(is_close(scores_of("confidence", {}, model, units, {batch_of_row(0)}), doubles({0.25, 1})));
  EXPECT_TRUE(is_close(scores_of("confidence", {}, model, units, {batch_of_row(0), batch_of_row(1)}),
                       doubles({(4 * 0.25 + 0.5) / 5, 4.5 / 5}), {1e-14, 0}));
}

TEST(Confidence, MayLeaveOutTheLastToken) {
  FakeModel model(layers(1, 2, 1, 2));
  model.activities = {{even_and_focused({0, 1, 1})}, {even_and_focused({1, 0, 0})}};
  const Units units(model.sites(), Granularity::Head);
  const Settings skip({{"skip_last", true}});

  EXPECT_TRUE(is_close(scores_of("confidence", skip, model, units, {batch_of_row(0)}), doubles({0.25, 1})));
  EXPECT_TRUE(
      is_close(scores_of("confidence", skip, model, units, {batch_of_row(0), batch_of_row(1)}), doubles({0.25, 1})));
  EXPECT_EQ(message_of<InputError>([&] { scores_of("confidence", skip, model, units, {batch_of_row(1)}); }),
            "confidence found no queries at site 'layer.0'\n"
            "    with skip_last = true an example needs two tokens or more");
}

// The model's loss is linear in its gates: without a unit it loses that unit's slope.
TEST(Ablation, OfTheLoss) {
  FakeModel model(layers(1, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const std::vector<Batch> batches = {batch_of_slopes(doubles({-1, 2, -3, 4}).view({2, 1, 2})),
                                      batch_of_slopes(doubles({-5, 0}).view({1, 1, 2}))};

  EXPECT_TRUE(is_close(scores_of("ablation", {}, model, units, batches), doubles({3, -2}), {1e-15, 0}));
}

TEST(Ablation, OfTheTasksMetric) {
  FakeModel model(layers(1, 3, 2, 1));
  const Units units(model.sites(), Granularity::Head);
  const Settings task({{"metric", std::string("task")}});
  std::int64_t evaluated = 0;
  const auto accuracy = [&](const Mask& mask) {  // what head 0 gives 0.5 for, head 1 nothing, head 2 spoils
    ++evaluated;
    const auto kept = mask.site(0).of(Projection::V).all(1).to(at::kDouble);  // [heads]
    return (kept * doubles({0.5, 0, -0.25})).sum().item<double>() + 0.25;
  };

  EXPECT_TRUE(is_close(scores_of("ablation", task, model, units, {}, 1, accuracy), doubles({0.5, 0, -0.25})));
  EXPECT_EQ(evaluated, 4);
}

TEST(RandomScorer, DependsOnTheSeedOnly) {
  FakeModel model(uneven());
  const Units units(uneven(), Granularity::HeadChannel);
  const auto first = scores_of("random", {}, model, units, {}, 7);

  EXPECT_TRUE(is_close(first, Random(7).uniform(units.count())));
  EXPECT_TRUE(is_close(scores_of("random", {}, model, units, {}, 7), first));
  EXPECT_FALSE(first.equal(scores_of("random", {}, model, units, {}, 8)));
}

}  // namespace
}  // namespace espalier::test
