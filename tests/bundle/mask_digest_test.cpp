#include "mask_digest.h"

#include <gtest/gtest.h>

#include "words/digest.h"

namespace espalier::bundle {
namespace {

using namespace std::string_literals;

std::string file_of(const std::string& header, const std::string& content) {
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size() & 0xFF);
  length[1] = static_cast<char>(header.size() >> 8);
  return length + header + content;
}

const std::string header =
    R"({"__metadata__":{"format":"espalier-mask"},"b.q":{"dtype":"BOOL","shape":[1,2],"data_offsets":[0,2]},)"
    R"("a.o":{"dtype":"BOOL","shape":[2,1],"data_offsets":[2,4]}})";

TEST(MaskDigest, IsOfSitesAndProjectionsInTheModelsOrder) {
  // As Mask::digest writes it: of each site Q, K, V and O, each its shape and its bits, "none " where there is none.
  const auto expected = sha256_hex("none none none 2x1 \1\0"s + "1x2 \0\1"s + "none none none "s);
  EXPECT_EQ(mask_digest(file_of(header, "\0\1\1\0"s), {"a", "b"}), expected);
  EXPECT_NE(mask_digest(file_of(header, "\0\1\1\0"s), {"b", "a"}), expected);
  EXPECT_NE(mask_digest(file_of(header, "\0\0\1\0"s), {"a", "b"}), expected);
}

TEST(MaskDigest, IsNoneOfWhatIsNoMaskOfTheseSites) {
  const auto file = file_of(header, "\0\1\1\0"s);
  EXPECT_EQ(mask_digest(file, {"a"}), std::nullopt);
  EXPECT_EQ(mask_digest(file, {}), std::nullopt);
  EXPECT_EQ(mask_digest("", {"a", "b"}), std::nullopt);
  EXPECT_EQ(mask_digest(file.substr(0, 20), {"a", "b"}), std::nullopt);
  EXPECT_EQ(mask_digest(file.substr(0, file.size() - 1), {"a", "b"}), std::nullopt);
  EXPECT_EQ(mask_digest(std::string(8, '\xff') + "{}", {"a"}), std::nullopt);
  EXPECT_EQ(
      mask_digest(file_of(R"({"a.q":{"dtype":"BOOL","shape":[99999999999,9],"data_offsets":[0,4]}})", "1111"), {"a"}),
      std::nullopt);
  EXPECT_EQ(mask_digest(file_of(R"({"a.q":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}})", "1111"), {"a"}),
            std::nullopt);
}

}  // namespace
}  // namespace espalier::bundle
