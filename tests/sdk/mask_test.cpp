#include <ATen/ATen.h>
#include <espalier/model.h>
#include <espalier/units.h>
#include <gtest/gtest.h>

#include "sdk/sites.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

at::Tensor bits(std::vector<std::vector<int>> rows) {
  const auto width = static_cast<std::int64_t>(rows.at(0).size());
  auto tensor = at::zeros({static_cast<std::int64_t>(rows.size()), width}, at::kBool);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      tensor[static_cast<std::int64_t>(row)][column] = rows[row][static_cast<std::size_t>(column)] != 0;
    }
  }
  return tensor;
}

// A mask of uneven(), every bit by chance.
Mask random_mask(Random& random, double share_kept) {
  Mask mask(uneven());
  for (std::int64_t i = 0; i < mask.size(); ++i) {
    for (auto& kept : mask.site(i).kept) kept.copy_(random.uniform(kept.numel()).lt(share_kept).view(kept.sizes()));
  }
  return mask;
}

// That `inner` keeps nothing which `outer` does not keep.
void expect_within(const Mask& inner, const Mask& outer) {
  for (std::int64_t i = 0; i < inner.size(); ++i) {
    for (const auto projection : all_projections) {
      const auto extra = inner.site(i).of(projection).logical_and(outer.site(i).of(projection).logical_not());
      EXPECT_FALSE(extra.any().item<bool>()) << "site " << i << " " << to_string(projection);
    }
  }
}

TEST(MaskClosure, DeadQueryChannelsTakeTheirKeyChannelsAlong) {
  Mask mask(layers(1, 1, 4, 8));
  mask.site(0).of(Projection::Q)[0][0] = false;
  mask.site(0).of(Projection::K)[0][1] = false;

  const auto closed = mask.closure();

  EXPECT_TRUE(is_close(closed.site(0).of(Projection::Q), bits({{0, 0, 1, 1}})));
  EXPECT_TRUE(is_close(closed.site(0).of(Projection::K), bits({{0, 0, 1, 1}})));
  EXPECT_TRUE(is_close(closed.site(0).of(Projection::V), bits({{1, 1, 1, 1}})));
  EXPECT_TRUE(is_close(closed.site(0).of(Projection::O), bits({{1, 1, 1, 1}})));
}

TEST(MaskClosure, HeadWithoutValueChannelsGoesWhole) {
  Mask mask(layers(1, 2, 2, 4));
  mask.site(0).of(Projection::V).copy_(bits({{0, 1}, {1, 1}}));
  mask.site(0).of(Projection::O).copy_(bits({{1, 0}, {1, 0}}));  // head 0: each channel is dead on one side

  const auto closed = mask.closure();

  for (const auto projection : {Projection::Q, Projection::K}) {
    EXPECT_TRUE(is_close(closed.site(0).of(projection), bits({{0, 0}, {1, 1}})));
  }
  for (const auto projection : {Projection::V, Projection::O}) {
    EXPECT_TRUE(is_close(closed.site(0).of(projection), bits({{0, 0}, {1, 0}})));
  }
}

TEST(MaskClosure, HeadWithoutQueryChannelsStaysAndAttendsUniformly) {
  Mask mask(layers(1, 2, 2, 4));
  mask.site(0).of(Projection::Q).copy_(bits({{0, 0}, {1, 1}}));

  const auto closed = mask.closure();

  EXPECT_TRUE(is_close(closed.site(0).of(Projection::K), bits({{0, 0}, {1, 1}})));
  EXPECT_TRUE(is_close(closed.site(0).of(Projection::V), bits({{1, 1}, {1, 1}})));
}

TEST(MaskClosure, IsIdempotentPairedAndWithinTheMask) {
  Random random(5);
  for (int round = 0; round < 50; ++round) {
    const auto mask = random_mask(random, 0.2 + 0.015 * round);

    const auto closed = mask.closure();

    EXPECT_EQ(closed.closure(), closed);
    expect_within(closed, mask);
    for (std::int64_t i = 0; i < closed.size(); ++i) {
      const auto& site = closed.site(i);
      EXPECT_TRUE(site.of(Projection::Q).equal(site.of(Projection::K)));
      EXPECT_TRUE(site.of(Projection::V).equal(site.of(Projection::O)));
      const auto lives = site.of(Projection::V).any(1, true);
      EXPECT_FALSE(site.of(Projection::Q).logical_and(lives.logical_not()).any().item<bool>());
    }
  }
}

TEST(MaskClosure, KeepingMoreNeverClosesMore) {
  Random random(6);
  for (int round = 0; round < 50; ++round) {
    const auto small = random_mask(random, 0.6);
    auto large = small;
    for (std::int64_t i = 0; i < large.size(); ++i) {
      for (auto& kept : large.site(i).kept) kept.logical_or_(random.uniform(kept.numel()).lt(0.3).view(kept.sizes()));
    }
    expect_within(small.closure(), large.closure());
  }
}

TEST(MaskClosure, OfAFullMaskKeepsEverything) {
  const Mask mask(uneven());

  EXPECT_TRUE(mask.keeps_everything());
  EXPECT_EQ(mask.closure(), mask);
}

TEST(Mask, CopiesShareNothing) {
  const Mask original(uneven());
  Mask copy = original, assigned;
  assigned = original;

  copy.site(0).of(Projection::Q)[0][0] = false;
  assigned.site(1).of(Projection::O)[2][1] = false;

  EXPECT_TRUE(original.keeps_everything());
  EXPECT_FALSE(copy.keeps_everything());
  EXPECT_FALSE(copy == original);
  EXPECT_FALSE(copy == assigned);
}

TEST(Mask, ClosureSharesNothingBetweenProjections) {
  auto closed = Mask(uneven()).closure();

  closed.site(0).of(Projection::Q)[0][0] = false;

  EXPECT_TRUE(closed.site(0).of(Projection::K).all().item<bool>());
}

TEST(Mask, DigestDependsOnBitsAndShapesOnly) {
  const Mask mask(uneven());
  Mask other(uneven());
  other.site(0).of(Projection::Q)[1][2] = false;
  Mask transposed(uneven());
  auto& kept = transposed.site(0).of(Projection::V);
  kept = kept.t().contiguous().t();  // same bits, other strides

  EXPECT_EQ(mask.digest().size(), 64u);
  EXPECT_EQ(mask.digest(), Mask(mask).digest());
  EXPECT_EQ(mask.digest(), transposed.digest());
  EXPECT_NE(mask.digest(), other.digest());
  EXPECT_NE(Mask(layers(1, 2, 3, 5)).digest(), Mask(layers(1, 3, 2, 5)).digest());
  EXPECT_NE(mask.digest(), Mask(layers(1, 2, 3, 5)).digest());
}

TEST(Mask, DigestTellsProjectionsApart) {
  Mask query(uneven()), key(uneven());
  query.site(0).of(Projection::Q)[0][0] = false;
  key.site(0).of(Projection::K)[0][0] = false;

  EXPECT_NE(query.digest(), key.digest());
}

// Worked out by hand from the formula.
TEST(CountParameters, OfAudioSpectrogramTransformer) {
  const auto sites = layers(12, 12, 64, 768);
  const Mask everything(sites);

  EXPECT_EQ(count_parameters(sites, everything, false).dense, 28339200);
  EXPECT_EQ(count_parameters(sites, everything, true).dense, 28348416);
  EXPECT_EQ(count_parameters(sites, everything, false).kept, 28339200);
  EXPECT_EQ(count_parameters(sites, everything, false).sparsity(), 0.0);
}

TEST(CountParameters, OfHeadsOfBert) {
  const auto sites = layers(12, 12, 64, 768);
  const Units heads(sites, Granularity::Head);
  auto kept = at::ones({144}, at::kBool);

  kept[17] = false;
  EXPECT_EQ(28339200 - count_parameters(sites, heads.mask(kept), false).kept, 196800);
  kept.narrow(0, 0, 132).fill_(false);
  EXPECT_EQ(28339200 - count_parameters(sites, heads.mask(kept), false).kept, 25977600);
}

TEST(CountParameters, HalfOfTheHeadsAndHalfOfTheChannelsAreHalf) {
  const auto sites = layers(12, 12, 64, 768);
  const Units heads(sites, Granularity::Head), channels(sites, Granularity::HeadChannel);
  const auto every_other = [](std::int64_t count) { return at::arange(count).remainder(2).eq(0); };

  const auto of_heads = count_parameters(sites, heads.mask(every_other(heads.count())), false);
  const auto of_channels = count_parameters(sites, channels.mask(every_other(channels.count())), false);

  EXPECT_EQ(of_heads.kept, 14169600);
  EXPECT_EQ(of_channels.kept, 14169600);
  EXPECT_EQ(of_heads.sparsity(), 0.5);
}

// Output biases stay, so that the AST tables print 43.7 where the other denominator prints 43.8.
TEST(CountParameters, OutputBiasesCountAsKept) {
  const auto sites = layers(12, 12, 64, 768);
  const Units channels(sites, Granularity::HeadChannel);
  const auto mask = channels.mask(at::arange(channels.count()).remainder(64).ge(28));  // 36 of 64 channels

  EXPECT_NEAR(count_parameters(sites, mask, true).sparsity(), 0.43736, 5e-6);
  EXPECT_NEAR(count_parameters(sites, mask, false).sparsity(), 0.43750, 1e-12);
}

// n QK channels and m VO channels are n * (2 * 768 + 2) + m * (2 * 768 + 1) parameters.
TEST(CountParameters, OfSingleChannels) {
  const auto sites = layers(1, 12, 64, 768);
  Mask mask(sites);
  for (const auto projection : {Projection::Q, Projection::K}) mask.site(0).of(projection).narrow(1, 0, 3).fill_(false);
  for (const auto projection : {Projection::V, Projection::O}) mask.site(0).of(projection).narrow(1, 0, 5).fill_(false);

  const auto count = count_parameters(sites, mask, false);

  EXPECT_EQ(count.dense - count.kept, 36 * (2 * 768 + 2) + 60 * (2 * 768 + 1));
}

// Whisper's K projection has no bias: 4 * 1280^2 + 2 * 1280 a module, 96 modules.
TEST(CountParameters, WithoutKeyBias) {
  auto sites = layers(96, 20, 64, 1280);
  for (auto& site : sites) site.has_bias = {true, false, true, true};

  EXPECT_EQ(count_parameters(sites, Mask(sites), false).dense, 629391360);
}

}  // namespace
}  // namespace espalier::test
