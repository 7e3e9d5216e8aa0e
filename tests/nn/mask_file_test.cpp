#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/mask_file.h>
#include <nn/safetensors.h>

#include "support/message_of.h"
#include "support/random_mask.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

std::vector<Site> two_sites(const std::string& prefix = "") {
  std::vector<Site> sites;
  for (const char* layer : {"0", "1"}) {
    sites.push_back({.name = prefix + "encoder.layer." + layer + ".attention.self",
                     .kind = SiteKind::EncoderSelf,
                     .heads = 3,
                     .head_dim = 4,
                     .model_width = 12});
  }
  return sites;
}

class MaskFile : public testing::Test {
 protected:
  // The message for a mask file of this content.
  std::string refusal(nn::TensorFile file, const std::string& digest = "") {
    const auto path = folder / "mask.safetensors";
    nn::write_safetensors(path, file);
    const auto message = message_of<InputError>([&] { nn::read_mask(path, two_sites(), digest); });
    EXPECT_TRUE(message.starts_with(path.string() + ": ")) << message;
    return message.substr(std::min(message.size(), path.string().size() + 2));
  }
  static nn::TensorFile content() {
    nn::TensorFile file;
    file.metadata = {{"format", "espalier-mask"}, {"version", "1"}};
    for (const char* part : {"q", "k", "v", "o"})
      file.tensors[std::string("encoder.layer.1.attention.self.") + part] = at::ones({3, 4}, at::kBool);
    return file;
  }
  TempDir folder;
};

TEST_F(MaskFile, ComesBackWithOrWithoutThePrefix) {
  const auto mask = random_mask(two_sites(), 0.5, 1);
  nn::write_mask(folder / "mask.safetensors", two_sites(), mask, {{"granularity", "head"}});
  EXPECT_TRUE(nn::read_mask(folder / "mask.safetensors", two_sites()) == mask);
  EXPECT_TRUE(nn::read_mask(folder / "mask.safetensors", two_sites("bert.")) == mask);
  nn::write_mask(folder / "mask.safetensors", two_sites("bert."), mask, {});
  EXPECT_TRUE(nn::read_mask(folder / "mask.safetensors", two_sites()) == mask);
}

TEST_F(MaskFile, KeepsAnAbsentSiteWhole) {
  auto file = content();
  file.tensors["encoder.layer.1.attention.self.q"] = at::zeros({3, 4}, at::kBool);
  nn::write_safetensors(folder / "mask.safetensors", file);
  const auto mask = nn::read_mask(folder / "mask.safetensors", two_sites(), "any digest");
  EXPECT_TRUE(mask.site(0).of(Projection::Q).all().item<bool>());
  EXPECT_FALSE(mask.site(1).of(Projection::Q).any().item<bool>());
}

TEST_F(MaskFile, SaysWhatDoesNotFit) {
  auto file = content();
  file.metadata.erase("format");
  EXPECT_EQ(refusal(file), "is not a mask file: its metadata has no format, expected 'espalier-mask'");
  file = content();
  file.metadata["version"] = "2";
  EXPECT_EQ(refusal(file), "is a mask file of version '2', expected '1'");
  file = content();
  file.metadata["model_digest"] = "aa";
  EXPECT_EQ(refusal(file, "bb"), "was made for another checkpoint\n    model_digest there 'aa', here 'bb'");
  file = content();
  file.tensors["encoder.layer.7.attention.self.q"] = at::ones({3, 4}, at::kBool);
  EXPECT_EQ(refusal(file),
            "unknown site 'encoder.layer.7.attention.self'\n    did you mean 'encoder.layer.0.attention.self'?\n"
            "    known: encoder.layer.0.attention.self, encoder.layer.1.attention.self");
  file = content();
  file.tensors["encoder.layer.1.attention.self.x"] = at::ones({3, 4}, at::kBool);
  EXPECT_EQ(refusal(file), "tensor 'encoder.layer.1.attention.self.x' does not end in .q or .k or .v or .o");
  file = content();
  file.tensors["encoder.layer.1.attention.self.k"] = at::ones({3, 4});
  EXPECT_EQ(refusal(file), "tensor 'encoder.layer.1.attention.self.k' has dtype Float, expected BOOL");
  file = content();
  file.tensors["encoder.layer.1.attention.self.k"] = at::ones({4, 3}, at::kBool);
  EXPECT_EQ(refusal(file), "tensor 'encoder.layer.1.attention.self.k' has shape [4, 3], expected [3, 4]");
  file = content();
  file.tensors.erase("encoder.layer.1.attention.self.o");
  EXPECT_EQ(refusal(file), "lacks encoder.layer.1.attention.self.o: a site has all of q, k, v, o or none");
  file = content();
  file.tensors["bert.encoder.layer.1.attention.self.q"] = at::ones({3, 4}, at::kBool);
  EXPECT_EQ(refusal(file), "site 'encoder.layer.1.attention.self' has two tensors .q, with and without its prefix");
}

// A site of V and O alone, as a feed-forward block will be.
std::vector<Site> with_a_block() {
  auto sites = two_sites();
  sites.push_back({.name = "encoder.layer.0.block", .heads = 1, .head_dim = 5, .model_width = 12});
  sites.back().projections = {false, false, true, true};
  return sites;
}

TEST_F(MaskFile, LeavesOutWhatASiteLacks) {
  const auto sites = with_a_block();
  Mask mask(sites);
  mask.site(2).of(Projection::V)[0][3] = false;
  const auto path = folder / "mask.safetensors";
  nn::write_mask(path, sites, mask, {});
  auto file = nn::read_safetensors(path);
  EXPECT_EQ(file.tensors.size(), 4u + 4u + 2u);
  EXPECT_TRUE(file.tensors.contains("encoder.layer.0.block.v"));
  EXPECT_FALSE(file.tensors.contains("encoder.layer.0.block.q"));
  EXPECT_TRUE(nn::read_mask(path, sites) == mask);

  file.tensors["encoder.layer.0.block.q"] = at::ones({1, 5}, at::kBool);
  nn::write_safetensors(path, file);
  EXPECT_EQ(message_of<InputError>([&] { nn::read_mask(path, sites); }),
            path.string() + ": holds 'encoder.layer.0.block.q': this site has v, o alone");
  file.tensors.erase("encoder.layer.0.block.q");
  file.tensors.erase("encoder.layer.0.block.o");
  nn::write_safetensors(path, file);
  EXPECT_EQ(message_of<InputError>([&] { nn::read_mask(path, sites); }),
            path.string() + ": lacks encoder.layer.0.block.o: a site has all of v, o or none");
}

TEST(ScoreFile, HasNoScoresOfSitesThatAreNoAttention) {
  const TempDir folder;
  const auto path = folder / "scores.safetensors";
  const Units units(with_a_block(), Granularity::HeadChannel);
  const auto values = at::arange(units.count(), at::kDouble);
  nn::write_scores(path, units, {values, {}});
  EXPECT_EQ(nn::read_safetensors(path).tensors.size(), 4u);  // qk and vo of two sites
  EXPECT_TRUE(is_close(nn::read_scores(path, units).values, values));
}

TEST(ScoreFile, ComesBackForEveryGranularity) {
  const TempDir folder;
  const auto path = folder / "scores.safetensors";
  for (const auto granularity :
       {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel, Granularity::QChannel,
        Granularity::KChannel, Granularity::VChannel, Granularity::OChannel, Granularity::ProjectionChannel}) {
    SCOPED_TRACE(to_string(granularity));
    const Units units(two_sites(), granularity);
    const auto values = at::arange(units.count(), at::kDouble) * 0.25;
    nn::write_scores(path, units, {values, {{"scorer", "magnitude"}}});

    const auto back = nn::read_scores(path, Units(two_sites("bert."), granularity));
    EXPECT_TRUE(is_close(back.values, values));
    EXPECT_EQ(back.metadata.at("scorer"), "magnitude");
    auto file = nn::read_safetensors(path);
    file.metadata.clear();
    nn::write_safetensors(path, file);
    EXPECT_EQ(nn::granularity_of_scores(path), granularity);
  }
}

TEST(ScoreFile, SaysWhatDoesNotFit) {
  const TempDir folder;
  const auto path = folder / "scores.safetensors";
  const Units heads(two_sites(), Granularity::Head);
  nn::write_scores(path, heads, {at::ones({6}, at::kDouble), {}});
  EXPECT_EQ(message_of<InputError>([&] { nn::read_scores(path, Units(two_sites(), Granularity::HeadChannel)); }),
            path.string() + ": holds scores of granularity head, expected head-channel");
  auto file = nn::read_safetensors(path);
  file.tensors["encoder.layer.1.attention.self.head"][2] = NAN;
  nn::write_safetensors(path, file);
  EXPECT_EQ(message_of<InputError>([&] { nn::read_scores(path, heads); }),
            path.string() + ": tensor 'encoder.layer.1.attention.self.head' holds a score that is not finite");
  file.tensors.erase("encoder.layer.1.attention.self.head");
  nn::write_safetensors(path, file);
  EXPECT_EQ(message_of<InputError>([&] { nn::read_scores(path, heads); }),
            path.string() + ": lacks tensor 'encoder.layer.1.attention.self.head'");
}

}  // namespace
}  // namespace espalier::test
