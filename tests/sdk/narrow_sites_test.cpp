// Sites whose heads are narrower than their frame, as compact checkpoints have them: what does not exist is no unit, no
// parameter and never kept. Numbers are counted by hand.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <espalier/units.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// A site of three heads over 5 features: QK widths 2, 0, 1 and VO widths 3, 1, 2 in a frame of 3; and a dense one of two
// heads of 2.
std::vector<Site> narrow() {
  Site narrow{"narrow", SiteKind::EncoderSelf, 3, 3, 5};
  narrow.qk_widths = {2, 0, 1};
  narrow.vo_widths = {3, 1, 2};
  return {narrow, Site{"dense", SiteKind::DecoderSelf, 2, 2, 4}};
}

at::Tensor bits(std::vector<int> flat, std::int64_t heads) {
  return at::tensor(std::vector<std::int64_t>(flat.begin(), flat.end()), at::kLong)
      .to(at::kBool)
      .view({heads, static_cast<std::int64_t>(flat.size()) / heads});
}

std::string names_of(const Units& units) {
  std::ostringstream text;
  const char* separator = "";
  for (const auto& unit : units.all()) {
    constexpr const char* kinds[] = {"head", "qk", "vo", "q", "k", "v", "o"};
    text << separator << unit.site << kinds[static_cast<int>(unit.kind)];
    if (unit.head >= 0) text << unit.head;
    if (unit.channel >= 0) text << '.' << unit.channel;
    separator = " ";
  }
  return text.str();
}

const std::vector<Granularity> granularities = {
    Granularity::Head,     Granularity::HeadChannel, Granularity::SameChannel, Granularity::QChannel,
    Granularity::KChannel, Granularity::VChannel,    Granularity::OChannel,    Granularity::ProjectionChannel};

TEST(NarrowSites, AreCutIntoWhatTheyHold) {
  EXPECT_EQ(names_of(Units(narrow(), Granularity::Head)), "0head0 0head1 0head2 1head0 1head1");
  EXPECT_EQ(names_of(Units(narrow(), Granularity::HeadChannel, "encoder-self")),
            "0qk0.0 0qk0.1 0qk2.0 0vo0.0 0vo0.1 0vo0.2 0vo1.0 0vo2.0 0vo2.1");
  EXPECT_EQ(names_of(Units(narrow(), Granularity::SameChannel, "encoder-self")), "0qk.0 0qk.1 0vo.0 0vo.1 0vo.2");
  EXPECT_EQ(names_of(Units(narrow(), Granularity::KChannel, "encoder-self")), "0k0.0 0k0.1 0k2.0");
  EXPECT_EQ(names_of(Units(narrow(), Granularity::OChannel, "encoder-self")), "0o0.0 0o0.1 0o0.2 0o1.0 0o2.0 0o2.1");
  EXPECT_EQ(Units(narrow(), Granularity::ProjectionChannel).count(), 3 + 3 + 6 + 6 + 4 * 4);
}

TEST(NarrowSites, KeepWhatTheyHoldAtFirst) {
  const Mask mask(narrow());

  EXPECT_TRUE(is_close(mask.site(0).of(Projection::Q), bits({1, 1, 0, 0, 0, 0, 1, 0, 0}, 3)));
  EXPECT_TRUE(is_close(mask.site(0).of(Projection::O), bits({1, 1, 1, 1, 0, 0, 1, 1, 0}, 3)));
  EXPECT_TRUE(mask.keeps_everything());
  EXPECT_TRUE(Mask(mask).keeps_everything());
  EXPECT_TRUE(mask.closure().keeps_everything());
  EXPECT_EQ(mask.closure(), mask);
  auto less = mask;
  less.site(0).of(Projection::V)[1][0] = false;
  EXPECT_FALSE(less.keeps_everything());
}

// Weights and biases of the narrow site: 3 Q and 3 K rows of 5 + 1, 6 V rows of 5 + 1, 6 O columns of 5; of the dense one
// 4 rows of 4 + 1 three times and 4 columns of 4.
TEST(NarrowSites, CountWhatTheyHold) {
  constexpr std::int64_t everything = 3 * 6 + 3 * 6 + 6 * 6 + 6 * 5 + 3 * 4 * 5 + 4 * 4;
  const Mask mask(narrow());
  EXPECT_EQ(count_parameters(narrow(), mask, false).dense, everything);
  EXPECT_EQ(count_parameters(narrow(), mask, false).kept, everything);
  EXPECT_EQ(count_parameters(narrow(), mask, true).dense, everything + 5 + 4);

  // A mask that claims more keeps no more.
  Mask boasting = mask;
  for (auto& kept : boasting.site(0).kept) kept.fill_(true);
  EXPECT_EQ(count_parameters(narrow(), boasting, false).kept, everything);
  EXPECT_EQ(boasting.intersected(mask), mask);
  EXPECT_EQ(boasting.closure(), mask);
  EXPECT_TRUE(boasting.keeps_everything());

  // The second head goes whole: it holds a V row and an O column alone.
  Units heads(narrow(), Granularity::Head);
  auto kept = at::ones({heads.count()}, at::kBool);
  kept[1] = false;
  EXPECT_EQ(count_parameters(narrow(), heads.mask(kept).closure(), false).kept, everything - 6 - 5);
}

TEST(NarrowSites, SumOnlyWhatExists) {
  std::vector<std::array<at::Tensor, 4>> values;
  for (const auto& site : narrow()) {
    auto value = at::ones({site.heads, site.head_dim, site.model_width});
    // What the first site does not hold must not count, whatever stands there.
    values.push_back({value, value.clone(), value.clone(), value.clone()});
    for (const auto projection : all_projections) {
      auto& of = values.back()[static_cast<std::size_t>(projection)];
      of.masked_fill_(site.held(projection).logical_not().unsqueeze(-1), std::numeric_limits<double>::quiet_NaN());
    }
  }
  const auto reduced = [&](Granularity granularity) {
    return Units(narrow(), granularity, "encoder-self").reduce(values);
  };

  EXPECT_TRUE(is_close(reduced(Granularity::Head),
                       at::tensor({5. * (2 + 2 + 3 + 3), 5. * 2, 5. * (1 + 1 + 2 + 2)}, at::kDouble)));
  EXPECT_TRUE(is_close(reduced(Granularity::HeadChannel), at::full({9}, 10., at::kDouble)));
  EXPECT_TRUE(is_close(reduced(Granularity::SameChannel), at::tensor({20., 10., 30., 20., 10.}, at::kDouble)));
  EXPECT_TRUE(is_close(reduced(Granularity::KChannel), at::full({3}, 5., at::kDouble)));
  for (const auto granularity : granularities) {
    const Units units(narrow(), granularity, "encoder-self");
    EXPECT_TRUE(is_close(units.weight_counts(), units.reduce(values))) << to_string(granularity);
  }
}

TEST(NarrowSites, GoFromUnitsToMasksAndBack) {
  for (const auto granularity : granularities) {
    const Units units(narrow(), granularity);
    EXPECT_TRUE(units.remaining(Mask(narrow())).all().item<bool>()) << to_string(granularity);
    EXPECT_TRUE(units.mask(at::ones({units.count()}, at::kBool)).keeps_everything()) << to_string(granularity);
    for (std::int64_t unit = 0; unit < units.count(); ++unit) {
      auto kept = at::ones({units.count()}, at::kBool);
      kept[unit] = false;
      const auto mask = units.mask(kept);
      EXPECT_TRUE(is_close(units.remaining(mask), kept)) << to_string(granularity) << " unit " << unit;
      EXPECT_LT(count_parameters(narrow(), mask, false).kept, count_parameters(narrow(), mask, false).dense);
    }
  }
}

TEST(NarrowSites, ThatHoldNothingToPruneSaySo) {
  Site headless{"headless", SiteKind::EncoderSelf, 0, 4, 8}, uniform{"uniform", SiteKind::EncoderSelf, 1, 4, 8};
  uniform.qk_widths = {0};
  EXPECT_EQ(message_of<SettingsError>([&] { Units({headless}, Granularity::Head); }),
            "sites = \"all\" has nothing left to prune by granularity head: its sites hold no such head");
  EXPECT_EQ(message_of<SettingsError>([&] {
              Units({headless, uniform}, Granularity::QChannel);
            }),
            "sites = \"all\" has nothing left to prune by granularity q-channel: its sites hold no such channel");
  EXPECT_EQ(Units({headless, uniform}, Granularity::HeadChannel).count(), 4);
}

}  // namespace
}  // namespace espalier::test
