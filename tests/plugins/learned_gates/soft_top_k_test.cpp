// The soft top-K and its temperature, against identities, worked examples and finite differences.
#include "../../../plugins/searchers/differentiable-subset/soft_top_k.h"

#include <espalier/model.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "../../../plugins/searchers/differentiable-subset/temperature.h"

namespace espalier::test {
namespace {

using differentiable_subset::Cooling;
using differentiable_subset::SoftTopK;
using differentiable_subset::temperature_at;
using Numbers = std::vector<double>;

// Between -spread and spread.
Numbers drawn(Random& random, std::size_t count, double spread) {
  Numbers numbers(count);
  for (auto& number : numbers) number = (random.uniform() * 2 - 1) * spread;
  return numbers;
}

double dot(const Numbers& a, const Numbers& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

void expect_near(const Numbers& actual, const Numbers& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance) << "unit " << i;
}

Numbers k_hot(const Numbers& keys, std::size_t count) {
  Numbers sorted = keys;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  Numbers hot;
  for (const auto key : keys) hot.push_back(key >= sorted[count - 1] ? 1 : 0);
  return hot;
}

TEST(SoftTopK, GatesSumToTheirCount) {
  Random random(1);
  for (const double temperature : {1e-8, 1e-3, 0.1, 1.0, 30.0, 1000.0}) {
    for (const double spread : {0.1, 3.0, 100.0}) {
      for (const std::size_t count : {1, 2, 7, 19, 20}) {
        const SoftTopK soft(drawn(random, 20, spread), count, temperature);

        EXPECT_NEAR(std::accumulate(soft.gates().begin(), soft.gates().end(), 0.0), static_cast<double>(count), 1e-11);
        for (const auto gate : soft.gates()) EXPECT_GE(gate, 0);
      }
    }
  }
}

TEST(SoftTopK, OfFourKeysIsAsWorkedOut) {
  const Numbers keys = {2, 1, 0, -1};

  expect_near(SoftTopK(keys, 1, 1).gates(), {0.643914, 0.236883, 0.087144, 0.032059}, 5e-7);
  expect_near(SoftTopK(keys, 2, 1).gates(), {1.084313, 0.584089, 0.239938, 0.091660}, 1e-6);
  expect_near(SoftTopK(keys, 2, 0.1).gates(), {0.999955, 1.000000, 0.000045, 0.000000}, 5e-7);
  expect_near(SoftTopK(keys, 2, 0.01).gates(), {1, 1, 0, 0}, 1e-12);
}

TEST(SoftTopK, BecomesTheLargestKeysAsTheTemperatureFalls) {
  Random random(2);
  for (std::size_t count = 1; count <= 12; ++count) {
    const auto keys = drawn(random, 12, 5);

    expect_near(SoftTopK(keys, count, 1e-8).gates(), k_hot(keys, count), 1e-12);
  }
}

TEST(SoftTopK, IsNearlyTheSameForAllWhereItIsHot) {
  Random random(3);
  const SoftTopK soft(drawn(random, 144, 0.5), 72, 1000);

  for (const auto gate : soft.gates()) EXPECT_NEAR(gate, 0.5, 1e-3);
}

TEST(SoftTopK, GradientIsThatOfFiniteDifferences) {
  Random random(4);
  for (const double temperature : {0.3, 1.0, 10.0, 1000.0}) {
    for (const std::size_t count : {1, 2, 5, 9, 10}) {
      const auto keys = drawn(random, 10, 2), slopes = drawn(random, 10, 1);

      const auto gradient = SoftTopK(keys, count, temperature).gradient(slopes);

      double largest = 0;
      for (const auto value : gradient) largest = std::max(largest, std::abs(value));
      for (std::size_t i = 0; i < keys.size(); ++i) {
        const double change = 1e-5 * std::min(10.0, temperature);
        auto up = keys, down = keys;
        up[i] += change;
        down[i] -= change;
        const double difference = dot(SoftTopK(up, count, temperature).gates(), slopes) -
                                  dot(SoftTopK(down, count, temperature).gates(), slopes);
        EXPECT_NEAR(gradient[i], difference / (2 * change), 1e-6 * largest + 1e-10)
            << "unit " << i << ", " << count << " of 10 at temperature " << temperature;
      }
    }
  }
}

// Adding the same to all keys changes nothing; neither does how equally wanted gates are shared out.
TEST(SoftTopK, GradientSumsToZeroAndOfEqualSlopesIsZero) {
  Random random(5);
  for (const double temperature : {0.5, 2.0, 100.0}) {
    const SoftTopK soft(drawn(random, 16, 2), 6, temperature);

    const auto gradient = soft.gradient(drawn(random, 16, 1));
    EXPECT_NEAR(std::accumulate(gradient.begin(), gradient.end(), 0.0), 0, 1e-12);
    expect_near(soft.gradient(Numbers(16, 3.0)), Numbers(16, 0.0), 1e-12);
  }
}

TEST(SoftTopK, GradientIsFiniteAtEveryTemperatureAndForEqualKeys) {
  Random random(6);
  for (double temperature = 1e-8; temperature < 2000; temperature *= 10) {
    for (const double spread : {0.0, 0.5, 30.0, 2000.0}) {
      for (const bool rounds : {false, true}) {
        auto keys = drawn(random, 60, spread);
        if (rounds)
          for (auto& key : keys) key = std::round(key);

        for (const auto value : SoftTopK(keys, 45, temperature).gradient(drawn(random, 60, 1)))
          ASSERT_TRUE(std::isfinite(value)) << "temperature " << temperature << ", spread " << spread;
      }
    }
  }
}

// 1 - p is 0 in double precision: what the clamp hides has no gradient, and the rest is that of the other units.
TEST(SoftTopK, PassesNoGradientThroughAShareOfOne) {
  const SoftTopK soft({1000, 1, 0}, 2, 1);

  const auto gradient = soft.gradient({0, 1, 0});

  // The first round takes unit 0 whole, the second is a softmax over what is left: 1000 - 708.4 still wins.
  expect_near(soft.gates(), {2, 0, 0}, 1e-12);
  expect_near(gradient, {0, 0, 0}, 1e-12);
}

TEST(Cooling, IsGeometric) {
  const Cooling bert{25000, 1000, 1e-8}, translation{15000, 0.1, 1e-8};

  EXPECT_NEAR(temperature_at(0, bert), 1000, 1e-9);
  EXPECT_NEAR(temperature_at(6250, bert), 1.7782794, 1e-7);
  EXPECT_NEAR(temperature_at(12500, bert), 3.1622777e-3, 1e-10);
  EXPECT_NEAR(temperature_at(18750, bert), 5.6234133e-6, 1e-13);
  EXPECT_DOUBLE_EQ(temperature_at(25000, bert), 1e-8);
  EXPECT_DOUBLE_EQ(temperature_at(36815, bert), 1e-8);
  EXPECT_NEAR(temperature_at(7500, translation), 3.1622777e-5, 1e-12);
  EXPECT_DOUBLE_EQ(temperature_at(0, {0, 1000, 1e-8}), 1e-8);
}

}  // namespace
}  // namespace espalier::test
