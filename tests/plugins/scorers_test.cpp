// Scores against numbers computed on paper (test-values.md, section 6).
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "plugins/bundled.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// What a bundled scorer answers through the loader.
at::Tensor scores_of(const std::string& name, const Settings& settings, FakeModel& model, const Units& units,
                     std::vector<Batch> batches = {}, std::uint64_t seed = 1) {
  const auto scorer = bundled().make_scorer(name, settings);
  Batches stream(std::move(batches));
  Random random(seed);
  ScoringTask task{model, units, stream, random};
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

Settings norm(std::int64_t p) { return Settings({{"norm", p}}); }

TEST(Bundled, AllAreThereAndNoneIsRefused) {
  EXPECT_TRUE(bundled().refusals().empty()) << bundled().refusals()[0].message;
  for (const char* name : {"fisher", "gate-gradient", "magnitude", "random"}) {
    EXPECT_EQ(bundled().find("scorer", name).description.needs_data,
              name == std::string("fisher") || name == std::string("gate-gradient"));
  }
  EXPECT_TRUE(bundled().find("searcher", "ranking").description.needs_scores);
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

// Gradients +1 and -1 of two examples: their squares are 1, the square of their mean 0.
TEST(Fisher, PerSampleAndPerBatchAreDifferentEstimators) {
  FakeModel model(layers(1, 1, 1, 1));
  const Units units(model.sites(), Granularity::QChannel);
  const auto score = [&](const char* squares, std::int64_t batch) {
    return scores_of("fisher", Settings({{"squares", std::string(squares)}, {"batch", batch}}), model, units,
                     {batch_of_gradients({1, -1})});
  };

  EXPECT_TRUE(is_close(score("per-sample", 2), doubles({1 + 1e-6}), {1e-14, 0}));
  EXPECT_TRUE(is_close(score("per-batch", 2), doubles({1e-6}), {1e-14, 0}));
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

  EXPECT_TRUE(is_close(scores_of("fisher", {}, model, heads, {batch_of_gradients({0})}), doubles({0.196608, 0.196608}),
                       {1e-12, 0}));
  EXPECT_TRUE(is_close(scores_of("fisher", {}, model, pairs, {batch_of_gradients({0})}),
                       at::full({256}, 0.001536, at::kDouble), {1e-12, 0}));
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

  EXPECT_TRUE((bundled().find("scorer", "fisher").traits & sums_over_channels) != 0);
  EXPECT_TRUE(is_close(of_heads, sums, {1e-12, 0}));
}

TEST(Scorers, OnDataRefuseNoExamples) {
  FakeModel model(uneven());
  const Units units(uneven(), Granularity::Head);

  for (const char* name : {"fisher", "gate-gradient"}) {
    EXPECT_EQ(message_of<InputError>([&] { scores_of(name, {}, model, units); }),
              std::string(name) + " was given no examples");
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

TEST(GateGradient, MayBeNormalisedBySite) {
  FakeModel model(layers(2, 2, 1, 1));
  const Units units(model.sites(), Granularity::Head);
  const auto batch = batch_of_slopes(doubles({3, 4, 0, -10}).view({1, 1, 4}));

  const auto scores = scores_of("gate-gradient", Settings({{"normalise", std::string("site")}}), model, units, {batch});

  EXPECT_TRUE(is_close(scores, doubles({0.6, 0.8, 0, 1}), {1e-14, 0}));
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
