#include <ATen/core/Tensor.h>
#include <espalier/searcher.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace espalier::test {
namespace {

// Halves go down, so that 0.5 of 5 units removes 2.
TEST(UnitsToRemove, NearestHasHalvesDown) {
  EXPECT_EQ(units_to_remove(0.5, 5, Rounding::Nearest), 2);
  EXPECT_EQ(units_to_remove(0.5, 7, Rounding::Nearest), 3);
  EXPECT_EQ(units_to_remove(0.25, 2, Rounding::Nearest), 0);
  EXPECT_EQ(units_to_remove(0.26, 2, Rounding::Nearest), 1);
  EXPECT_EQ(units_to_remove(0.1, 144, Rounding::Nearest), 14);
  EXPECT_EQ(units_to_remove(0.3, 12, Rounding::Nearest), 4);
}

TEST(UnitsToRemove, FloorAndCeil) {
  EXPECT_EQ(units_to_remove(0.1, 144, Rounding::Floor), 14);
  EXPECT_EQ(units_to_remove(0.1, 144, Rounding::Ceil), 15);
  EXPECT_EQ(units_to_remove(0.5, 5, Rounding::Floor), 2);
  EXPECT_EQ(units_to_remove(0.5, 5, Rounding::Ceil), 3);
  EXPECT_EQ(units_to_remove(0.9, 1, Rounding::Floor), 0);
  EXPECT_EQ(units_to_remove(0.001, 1, Rounding::Ceil), 1);
}

// A product such as 0.35 * 20 or 0.07 * 100 is a whole number but for its last bits.
TEST(UnitsToRemove, WholeProductsAreWhole) {
  for (const auto rounding : {Rounding::Nearest, Rounding::Floor, Rounding::Ceil}) {
    EXPECT_EQ(units_to_remove(0.35, 20, rounding), 7);
    EXPECT_EQ(units_to_remove(0.1, 30, rounding), 3);
    for (std::int64_t percent = 0; percent <= 100; ++percent) {
      const double share = static_cast<double>(percent) / 100;
      EXPECT_EQ(units_to_remove(share, 100, rounding), percent);
      EXPECT_EQ(units_to_remove(share, 92160000, rounding), percent * 921600);
    }
  }
}

TEST(UnitsToRemove, NeverLeavesTheRange) {
  EXPECT_EQ(units_to_remove(0.0, 9, Rounding::Ceil), 0);
  EXPECT_EQ(units_to_remove(1.0, 9, Rounding::Floor), 9);
  EXPECT_EQ(units_to_remove(1.5, 9, Rounding::Ceil), 9);
  EXPECT_EQ(units_to_remove(-0.5, 9, Rounding::Floor), 0);
  EXPECT_EQ(units_to_remove(0.5, 0, Rounding::Ceil), 0);
}

// EH-G of 144 heads, a tenth of what remains, rounded up.
TEST(UnitsToRemove, FollowsThePublishedSequence) {
  std::int64_t left = 144;
  for (const std::int64_t expected : {129, 116, 104, 93, 83, 74, 66, 59, 53, 47}) {
    left -= units_to_remove(0.1, left, Rounding::Ceil);
    EXPECT_EQ(left, expected);
  }
}

// Values of an independent implementation of xoshiro256** and splitmix64 in Python's integers; that one also gives the
// published values of the two: 6457827717110365317 (splitmix64 of 1234567), and 11520, 0, 1509978240 (state 1, 2, 3, 4).
TEST(Random, IsXoshiroSeededBySplitmix) {
  const std::pair<std::uint64_t, std::array<std::uint64_t, 4>> expected[] = {
      {0, {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c}},
      {1, {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7}},
      {42, {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1, 0xecb8ad4703b360a1}},
      {~std::uint64_t{0}, {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f}}};

  for (const auto& [seed, values] : expected) {
    Random random(seed);
    for (const auto value : values) EXPECT_EQ(random.next(), value) << "seed " << seed;
  }
}

TEST(Random, UniformTakesTheUpper53Bits) {
  Random random(42), same(42);

  const auto values = same.uniform(3);

  for (const double expected : {0.08386297105988216, 0.3789802506626686, 0.6800434110281394})
    EXPECT_EQ(random.uniform(), expected);
  EXPECT_EQ(values.scalar_type(), at::kDouble);
  EXPECT_EQ(values.const_data_ptr<double>()[2], 0.6800434110281394);
}

TEST(Random, UniformLiesInItsRangeAndSpreads) {
  Random random(7);
  constexpr std::int64_t count = 100000;
  const auto values = random.uniform(count);
  const double* first = values.const_data_ptr<double>();
  const auto [lowest, highest] = std::minmax_element(first, first + count);

  EXPECT_GE(*lowest, 0.0);
  EXPECT_LT(*highest, 1.0);
  EXPECT_LT(*lowest, 0.001);
  EXPECT_GT(*highest, 0.999);
  EXPECT_NEAR(std::accumulate(first, first + count, 0.0) / count, 0.5, 0.005);  // five standard errors
}

TEST(Random, PermutationIsOne) {
  Random random(42);
  EXPECT_EQ(random.permutation(6), (std::vector<std::int64_t>{3, 5, 4, 1, 2, 0}));  // Fisher-Yates in Python

  for (std::int64_t count : {0, 1, 2, 1000}) {
    auto order = random.permutation(count);
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < count; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(static_cast<std::int64_t>(order.size()), count);
  }
}

TEST(Random, OtherSeedsGiveOtherValues) {
  Random a(1), b(2), c(1);

  EXPECT_NE(a.next(), b.next());
  EXPECT_NE(a.permutation(50), c.permutation(50));  // c is one step behind
}

}  // namespace
}  // namespace espalier::test
