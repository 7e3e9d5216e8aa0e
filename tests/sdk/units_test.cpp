#include <ATen/ATen.h>
#include <espalier/error.h>
#include <espalier/model.h>
#include <espalier/units.h>
#include <gtest/gtest.h>

#include "sdk/sites.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

constexpr Granularity all_granularities[] = {
    Granularity::Head,     Granularity::HeadChannel, Granularity::SameChannel, Granularity::QChannel,
    Granularity::KChannel, Granularity::VChannel,    Granularity::OChannel,    Granularity::ProjectionChannel};

// Which projections a kind of unit takes along, said a second time.
bool takes(UnitKind kind, Projection projection) {
  switch (kind) {
    case UnitKind::Head: return true;
    case UnitKind::QK: return projection == Projection::Q || projection == Projection::K;
    case UnitKind::VO: return projection == Projection::V || projection == Projection::O;
    case UnitKind::Q: return projection == Projection::Q;
    case UnitKind::K: return projection == Projection::K;
    case UnitKind::V: return projection == Projection::V;
    case UnitKind::O: return projection == Projection::O;
  }
  return false;
}

// Whether one channel of one head of a projection belongs to a unit.
bool holds(const Unit& unit, std::int64_t site, Projection projection, std::int64_t head, std::int64_t channel) {
  return unit.site == site && takes(unit.kind, projection) && (unit.head == -1 || unit.head == head) &&
         (unit.channel == -1 || unit.channel == channel);
}

std::vector<std::array<at::Tensor, 4>> random_values(const std::vector<Site>& sites, Random& random) {
  std::vector<std::array<at::Tensor, 4>> values;
  for (const auto& site : sites) {
    std::array<at::Tensor, 4> of_site;
    for (auto& value : of_site) {
      value = random.uniform(site.heads * site.head_dim * site.model_width)
                  .view({site.heads, site.head_dim, site.model_width});
    }
    values.push_back(of_site);
  }
  return values;
}

std::string text_of(const Unit& unit) {
  constexpr const char* kinds[] = {"head", "qk", "vo", "q", "k", "v", "o"};
  return std::to_string(unit.site) + " " + kinds[static_cast<std::size_t>(unit.kind)] + " " +
         std::to_string(unit.head) + " " + std::to_string(unit.channel);
}

std::vector<std::string> texts_of(const Units& units) {
  std::vector<std::string> texts;
  for (const auto& unit : units.all()) texts.push_back(text_of(unit));
  return texts;
}

TEST(UnitsOrder, OfHeads) {
  const Units units(uneven(), Granularity::Head);

  EXPECT_EQ(texts_of(units),
            (std::vector<std::string>{"0 head 0 -1", "0 head 1 -1", "1 head 0 -1", "1 head 1 -1", "1 head 2 -1"}));
}

TEST(UnitsOrder, OfHeadChannelsHasQKBeforeVO) {
  const Units units(layers(1, 2, 2, 4), Granularity::HeadChannel);

  EXPECT_EQ(texts_of(units), (std::vector<std::string>{"0 qk 0 0", "0 qk 0 1", "0 qk 1 0", "0 qk 1 1", "0 vo 0 0",
                                                       "0 vo 0 1", "0 vo 1 0", "0 vo 1 1"}));
}

TEST(UnitsOrder, OfSameChannels) {
  const Units units(uneven(), Granularity::SameChannel);

  EXPECT_EQ(texts_of(units),
            (std::vector<std::string>{"0 qk -1 0", "0 qk -1 1", "0 qk -1 2", "0 vo -1 0", "0 vo -1 1", "0 vo -1 2",
                                      "1 qk -1 0", "1 qk -1 1", "1 vo -1 0", "1 vo -1 1"}));
}

TEST(UnitsOrder, OfProjectionChannelsIsQKVO) {
  const Units units(layers(2, 1, 1, 4), Granularity::ProjectionChannel);

  EXPECT_EQ(texts_of(units), (std::vector<std::string>{"0 q 0 0", "0 k 0 0", "0 v 0 0", "0 o 0 0", "1 q 0 0", "1 k 0 0",
                                                       "1 v 0 0", "1 o 0 0"}));
}

TEST(UnitsCount, OfBertBase) {
  const auto sites = layers(12, 12, 64, 768);
  const std::int64_t expected[] = {144, 2 * 9216, 2 * 768, 9216, 9216, 9216, 9216, 4 * 9216};

  for (std::size_t i = 0; i < std::size(all_granularities); ++i) {
    EXPECT_EQ(Units(sites, all_granularities[i]).count(), expected[i]) << to_string(all_granularities[i]);
  }
}

TEST(UnitsFilter, ChoosesSitesByKind) {
  const Units encoder(uneven(), Granularity::Head, "encoder-self"), cross(uneven(), Granularity::Head, "decoder-cross");

  EXPECT_EQ(texts_of(encoder), (std::vector<std::string>{"0 head 0 -1", "0 head 1 -1"}));
  EXPECT_EQ(texts_of(cross), (std::vector<std::string>{"1 head 0 -1", "1 head 1 -1", "1 head 2 -1"}));
  EXPECT_EQ(cross.sites().size(), 2u);
}

TEST(UnitsFilter, SitesThatAreNotChosenStayWhole) {
  const Units units(uneven(), Granularity::Head, "decoder-cross");

  const auto mask = units.mask(at::zeros({3}, at::kBool));

  EXPECT_TRUE(mask.site(0).of(Projection::Q).all().item<bool>());
  EXPECT_FALSE(mask.site(1).of(Projection::Q).any().item<bool>());
}

TEST(UnitsFilter, RefusesAFilterThatLeavesNothing) {
  const auto message = message_of<SettingsError>([] { Units(uneven(), Granularity::Head, "decoder-self"); });

  EXPECT_EQ(
      message,
      "sites = \"decoder-self\" leaves no attention site of this model\n    its sites: encoder-self, decoder-cross");
}

TEST(UnitsFilter, RefusesAnUnknownFilterWithTheNearest) {
  const auto message = message_of<SettingsError>([] { Units(uneven(), Granularity::Head, "decoder-corss"); });

  EXPECT_NE(message.find("unknown site filter 'decoder-corss'"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'decoder-cross'?"), std::string::npos) << message;
}

TEST(GranularityNames, ReadBackAndAreRefusedWithTheNearest) {
  for (const auto granularity : all_granularities) EXPECT_EQ(granularity_from(to_string(granularity)), granularity);

  const auto message = message_of<SettingsError>([] { granularity_from("head-chanel"); });
  EXPECT_NE(message.find("did you mean 'head-channel'?"), std::string::npos) << message;
}

TEST(UnitsReduce, EqualsLoopsOverWeights) {
  Random random(11);
  const auto sites = uneven();
  const auto values = random_values(sites, random);
  for (const auto granularity : all_granularities) {
    const Units units(sites, granularity);
    auto expected = at::zeros({units.count()}, at::kDouble);
    for (std::int64_t i = 0; i < units.count(); ++i) {
      double sum = 0;
      for (std::size_t site = 0; site < sites.size(); ++site) {
        for (const auto projection : all_projections) {
          const auto& value = values[site][static_cast<std::size_t>(projection)];
          const auto at_weight = value.accessor<double, 3>();
          for (std::int64_t head = 0; head < sites[site].heads; ++head) {
            for (std::int64_t channel = 0; channel < sites[site].head_dim; ++channel) {
              if (!holds(units[i], static_cast<std::int64_t>(site), projection, head, channel)) continue;
              for (std::int64_t feature = 0; feature < sites[site].model_width; ++feature)
                sum += at_weight[head][channel][feature];
            }
          }
        }
      }
      expected[i] = sum;
    }

    EXPECT_TRUE(is_close(units.reduce(values), expected, {1e-12, 0})) << to_string(granularity);
  }
}

TEST(UnitsReduce, TakesChannelSumsAndSinglePrecisionToo) {
  Random random(12);
  const auto values = random_values(uneven(), random);
  auto summed = values, single = values;
  for (auto& site : summed) {
    for (auto& value : site) value = value.sum(-1);
  }
  for (auto& site : single) {
    for (auto& value : site) value = value.to(at::kFloat);
  }
  const Units units(uneven(), Granularity::HeadChannel);

  EXPECT_TRUE(is_close(units.reduce(summed), units.reduce(values), {1e-12, 0}));
  EXPECT_TRUE(is_close(units.reduce(single), units.reduce(values), {1e-6, 0}));
}

TEST(UnitsReduce, NeedsNoValuesOfSitesWithoutUnits) {
  Random random(13);
  auto values = random_values(uneven(), random);
  const auto expected =
      values[1][0].sum({1, 2}) + values[1][1].sum({1, 2}) + values[1][2].sum({1, 2}) + values[1][3].sum({1, 2});
  values[0] = {};

  EXPECT_TRUE(is_close(Units(uneven(), Granularity::Head, "decoder-cross").reduce(values), expected, {1e-12, 0}));
}

TEST(UnitsWeightCounts, ForEveryGranularity) {
  const auto sites = layers(1, 12, 64, 768);
  const double expected[] = {4 * 64 * 768, 2 * 768, 2 * 12 * 768, 768, 768, 768, 768, 768};

  for (std::size_t i = 0; i < std::size(all_granularities); ++i) {
    const Units units(sites, all_granularities[i]);
    EXPECT_TRUE(is_close(units.weight_counts(), at::full({units.count()}, expected[i], at::kDouble)))
        << to_string(all_granularities[i]);
  }
}

TEST(UnitsMask, RemovesExactlyWhatAUnitHolds) {
  const auto sites = uneven();
  for (const auto granularity : all_granularities) {
    const Units units(sites, granularity);
    for (std::int64_t removed = 0; removed < units.count(); ++removed) {
      auto kept = at::ones({units.count()}, at::kBool);
      kept[removed] = false;

      const auto mask = units.mask(kept);

      for (std::int64_t site = 0; site < mask.size(); ++site) {
        for (const auto projection : all_projections) {
          const auto bits = mask.site(site).of(projection).accessor<bool, 2>();
          for (std::int64_t head = 0; head < bits.size(0); ++head) {
            for (std::int64_t channel = 0; channel < bits.size(1); ++channel) {
              ASSERT_EQ(bits[head][channel], !holds(units[removed], site, projection, head, channel))
                  << to_string(granularity) << " without " << text_of(units[removed]);
            }
          }
        }
      }
    }
  }
}

TEST(UnitsMask, OfAllUnitsKeepsEverythingAndOfNoneNothing) {
  for (const auto granularity :
       {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel, Granularity::ProjectionChannel}) {
    const Units units(uneven(), granularity);

    EXPECT_TRUE(units.mask(at::ones({units.count()}, at::kBool)).keeps_everything());
    const auto nothing = units.mask(at::zeros({units.count()}, at::kBool));
    EXPECT_EQ(count_parameters(units.sites(), nothing, false).kept, 0) << to_string(granularity);
  }
}

TEST(UnitsMask, OfOneProjectionLeavesTheOthersToTheClosure) {
  const Units units(layers(1, 1, 3, 4), Granularity::QChannel);

  const auto mask = units.mask(at::tensor({1, 0, 1}).to(at::kBool));

  EXPECT_TRUE(mask.site(0).of(Projection::K).all().item<bool>());
  EXPECT_FALSE(mask.closure().site(0).of(Projection::K)[0][1].item<bool>());
}

}  // namespace
}  // namespace espalier::test
