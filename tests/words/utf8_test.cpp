#include "words/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace espalier {
namespace {

// By the definition: what encodes a code point that is no surrogate, in its shortest form.
std::string encoded(std::uint32_t point) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
  if (point < 0x10000) return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
  return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)), byte(0x80 | (point >> 6 & 0x3F)),
          byte(0x80 | (point & 0x3F))};
}

TEST(InvalidUtf8, IsNoEncodedCodePointButSurrogates) {
  for (std::uint32_t point = 0; point < 0x120000; ++point) {
    const bool is_character = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
    ASSERT_EQ(!invalid_utf8(encoded(point)), is_character) << std::hex << point;
  }
}

TEST(InvalidUtf8, NamesTheFirstByteOfWhatIsNone) {
  EXPECT_EQ(invalid_utf8("caf\xE9!"), 3U);          // Latin-1
  EXPECT_EQ(invalid_utf8("\xC3\xA9\xC0\x80"), 2U);  // longer than it need be
  EXPECT_EQ(invalid_utf8("a\xE2\x82"), 1U);         // cut short
  EXPECT_EQ(invalid_utf8("a\xE2\x82z"), 1U);        // broken off
  EXPECT_EQ(invalid_utf8("\x80"), 0U);              // a byte of the middle
  EXPECT_EQ(invalid_utf8("\xF0\x8F\xBF\xBF"), 0U);  // longer than it need be
  EXPECT_EQ(invalid_utf8("\xF5\x80\x80\x80"), 0U);  // beyond the last code point
  EXPECT_EQ(invalid_utf8("\xE0\x9F\xBF ok"), 0U);
  EXPECT_FALSE(invalid_utf8(""));
}

}  // namespace
}  // namespace espalier
