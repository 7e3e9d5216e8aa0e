// Sites of V and O alone, as feed-forward blocks will be: counted by hand, closed, and left alone by attention's units.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <espalier/units.h>
#include <gtest/gtest.h>

#include "sites.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

// 4 neurons over 3 features; V and O have biases.
Site block() {
  Site site{.name = "block", .heads = 1, .head_dim = 4, .model_width = 3};
  site.projections = {false, false, true, true};
  return site;
}

Mask without_neuron(const std::vector<Site>& sites, std::int64_t site, std::int64_t neuron) {
  Mask mask(sites);
  mask.site(site).of(Projection::V)[0][neuron] = false;
  return mask;
}

TEST(ValueOutputSites, HaveNoQueriesAndKeys) {
  const auto site = block();
  EXPECT_FALSE(site.attends());
  for (const auto projection : all_projections) {
    const bool there = projection == Projection::V || projection == Projection::O;
    EXPECT_EQ(site.has(projection), there);
    EXPECT_EQ(site.channels(projection), there ? 4 : 0);
    EXPECT_EQ(site.width(projection, 0), there ? 4 : 0);
    EXPECT_EQ(site.held(projection).defined(), there);
    EXPECT_EQ(Mask({site}).site(0).of(projection).defined(), there);
  }
}

TEST(ValueOutputSites, AreCountedByRowsAndColumns) {
  const std::vector<Site> sites = {block()};
  // V: 4 rows of 3 weights and a bias; O: 4 columns of 3 weights, 3 biases where they are counted.
  EXPECT_EQ(count_parameters(sites, Mask(sites), false).dense, 4 * 4 + 4 * 3);
  EXPECT_EQ(count_parameters(sites, Mask(sites), true).dense, 4 * 4 + 4 * 3 + 3);
  const auto closed = without_neuron(sites, 0, 2).closure();
  EXPECT_EQ(count_parameters(sites, closed, false).kept, 3 * 4 + 3 * 3);
  EXPECT_EQ(count_parameters(sites, closed, true).kept, 3 * 4 + 3 * 3 + 3);
}

TEST(ValueOutputSites, CloseAndMeetLikeOthers) {
  const std::vector<Site> sites = {block()};
  const auto mask = without_neuron(sites, 0, 2), closed = mask.closure();
  EXPECT_TRUE(closed.site(0).of(Projection::O).equal(mask.site(0).of(Projection::V)));
  EXPECT_FALSE(closed.site(0).of(Projection::Q).defined());
  EXPECT_TRUE(Mask(sites).keeps_everything());
  EXPECT_FALSE(mask.keeps_everything());
  const auto copy = mask;
  EXPECT_TRUE(copy == mask);
  EXPECT_FALSE(copy == closed);
  EXPECT_EQ(copy.digest(), mask.digest());
  EXPECT_NE(closed.digest(), mask.digest());
  EXPECT_TRUE(closed.intersected(Mask(sites)) == closed);
}

// "all" means attention sites: a block keeps whatever attention's units say.
TEST(ValueOutputSites, AreNoUnitsOfAttention) {
  auto sites = layers(1, 2, 3, 5);
  const Units attention(sites, Granularity::HeadChannel);
  sites.push_back(block());
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel,
                                 Granularity::VChannel, Granularity::ProjectionChannel}) {
    EXPECT_EQ(Units(sites, granularity).count(), Units({sites[0]}, granularity).count()) << to_string(granularity);
  }
  const Units units(sites, Granularity::HeadChannel);
  EXPECT_TRUE(units.weight_counts().equal(attention.weight_counts()));
  const auto nothing = units.mask(at::zeros({units.count()}, at::kBool));
  EXPECT_FALSE(nothing.site(0).of(Projection::V).any().item<bool>());
  EXPECT_TRUE(nothing.site(1).of(Projection::V).all().item<bool>());
  EXPECT_FALSE(nothing.site(1).of(Projection::Q).defined());
  EXPECT_FALSE(units.remaining(nothing).any().item<bool>());
  EXPECT_EQ(message_of<SettingsError>([] { Units({block()}, Granularity::Head); }),
            "sites = \"all\" leaves no attention site of this model\n    its sites: none");
}

}  // namespace
}  // namespace espalier::test
