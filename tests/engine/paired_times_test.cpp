// Verdicts on times that are made up: how often two equal things are called different, and how often a difference of 3 % is
// found, under each kind of noise that machines have. Fixed seeds: the counts are the same each time.
#include "engine/timing/paired_times.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <random>
#include <string>

#include "latency.h"

namespace espalier::test {
namespace {

// Normal numbers, the same on every platform (Box and Muller, 1958).
class Normal {
 public:
  explicit Normal(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }
  double operator()() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

 private:
  std::mt19937_64 bits_;
};

// The time of the next pass of a machine, as a factor of what it is without noise.
using Noise = std::function<double(Normal&, std::int64_t pass)>;

Noise white() {
  return [](Normal& normal, std::int64_t) { return std::exp(0.05 * normal()); };
}
// A neighbour that comes and goes: what a pass suffers, most of the next one does too.
Noise autocorrelated() {
  const auto state = std::make_shared<double>(0);
  return [state](Normal& normal, std::int64_t) {
    *state = 0.95 * *state + std::sqrt(1 - 0.95 * 0.95) * 0.15 * normal();
    return std::exp(*state + 0.03 * normal());
  };
}
// The clock goes down as the machine gets warm: a third slower over a thousand passes.
Noise drifting() {
  return [](Normal& normal, std::int64_t pass) {
    return (1 + std::min(static_cast<double>(pass), 1000.0) / 3000) * std::exp(0.03 * normal());
  };
}
// Interrupted now and then for several times as long as it takes.
Noise heavy_tailed() {
  return [](Normal& normal, std::int64_t) {
    const double interrupted = normal.uniform() < 0.05 ? -4 * std::log(normal.uniform()) : 0;
    return std::exp(0.04 * normal()) + interrupted;
  };
}
// Others want the same cores: every eighth pass waits for many times as long as it takes.
Noise of_a_busy_machine() {
  return [](Normal& normal, std::int64_t) {
    const double waited = normal.uniform() < 1.0 / 8 ? -10 * std::log(normal.uniform()) : 0;
    return std::exp(0.06 * normal()) + waited;
  };
}
// Two speeds, as of two kinds of core.
Noise of_two_speeds() {
  const auto slow = std::make_shared<bool>(false);
  return [slow](Normal& normal, std::int64_t) {
    if (normal.uniform() < 0.02) *slow = !*slow;
    return (*slow ? 1.4 : 1) * std::exp(0.03 * normal());
  };
}

struct Verdicts {
  int faster = 0, same = 0, slower = 0, undecided = 0;
};

// 200 pairs, the second of which takes `ratio` times what the first takes.
Verdicts verdicts_of(const std::function<Noise()>& kind, double ratio) {
  Verdicts verdicts;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Normal normal(seed);
    const auto noise = kind();
    std::int64_t pass = 0;
    const auto takes = [&](double milliseconds) {
      return [&, milliseconds] { return milliseconds * noise(normal, pass++); };
    };
    engine::TurnsPlan plan;
    plan.least_pairs = 50;
    plan.most_pairs = engine::most_repeats * plan.least_pairs;
    plan.order_seed = seed;
    const auto times = engine::timed_in_turns(takes(1), takes(ratio), plan, [] {});
    const auto verdict = engine::latency_of(times).verdict();
    ++(verdict == "faster"   ? verdicts.faster
       : verdict == "same"   ? verdicts.same
       : verdict == "slower" ? verdicts.slower
                             : verdicts.undecided);
  }
  return verdicts;
}

const std::map<std::string, std::function<Noise()>>& kinds_of_noise() {
  static const std::map<std::string, std::function<Noise()>> kinds = {{"white", white},
                                                                      {"autocorrelated", autocorrelated},
                                                                      {"drifting", drifting},
                                                                      {"heavy-tailed", heavy_tailed},
                                                                      {"of a busy machine", of_a_busy_machine},
                                                                      {"of two speeds", of_two_speeds}};
  return kinds;
}

// At most 5 % of pairs.
TEST(PairedTimes, OfEqualThingsAreSeldomCalledDifferent) {
  for (const auto& [name, noise] : kinds_of_noise()) {
    const auto verdicts = verdicts_of(noise, 1);
    EXPECT_LE(verdicts.faster + verdicts.slower, 10) << name;
    EXPECT_GE(verdicts.same, 180) << name;
  }
}

// At least 90 % of pairs, and never the wrong way round.
TEST(PairedTimes, ShowADifferenceOfThreePercent) {
  for (const auto& [name, noise] : kinds_of_noise()) {
    const auto slower = verdicts_of(noise, 1.03), faster = verdicts_of(noise, 0.97);
    EXPECT_GE(slower.slower, 180) << name;
    EXPECT_EQ(slower.faster, 0) << name;
    EXPECT_GE(faster.faster, 180) << name;
    EXPECT_EQ(faster.slower, 0) << name;
  }
}

// A ratio that wanders by itself for as long as is measured cannot be told from a difference: the interval has to cover it.
TEST(PairedTimes, ThatWanderApartAreSeldomCalledDifferent) {
  int different = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Normal normal(seed);
    engine::PairedTimes times;
    double apart = 0;
    for (int pair = 0; pair < 400; ++pair) {
      apart = 0.95 * apart + std::sqrt(1 - 0.95 * 0.95) * 0.04 * normal();
      times.one.push_back(std::exp(0.01 * normal()));
      times.other.push_back(std::exp(apart + 0.01 * normal()));
    }
    const auto verdict = engine::latency_of(times).verdict();
    different += verdict == "faster" || verdict == "slower" ? 1 : 0;
  }
  EXPECT_LE(different, 10);
}

// The middle half of these ratios lies between 1 and 1.03, so that fences stand below 1.1.
TEST(PairedTimes, CountOutliersByTukeysFences) {
  engine::PairedTimes times;
  for (const double ratio : {1.00, 1.01, 1.02, 1.03, 1.01, 1.02, 1.01, 9.0}) {
    times.one.push_back(1);
    times.other.push_back(ratio);
  }
  EXPECT_EQ(engine::ratio_of(times).outliers, 1);
}

// By hand: there and back once a round, log-ratios 0, 0.1, 0.2, mean 0.1; their standard deviation is 0.1, those that
// follow each other are no more alike than chance has it (-0 / 0.02 + 1/3), so that 9.925 * 0.1 / sqrt(3) is multiplied by
// sqrt((1 + 1/3) / (1 - 1/3)).
TEST(PairedTimes, GiveTheIntervalOfTheirRounds) {
  engine::PairedTimes times;
  for (const double log_ratio : {0.0, 0.0, 0.1, 0.1, 0.2, 0.2}) {
    times.one.push_back(2);
    times.other.push_back(2 * std::exp(log_ratio));
  }
  const auto ratio = engine::ratio_of(times);
  EXPECT_NEAR(ratio.ratio, std::exp(0.1), 1e-12);
  const double half = 9.925 * 0.1 / std::sqrt(3) * std::sqrt(2);
  EXPECT_NEAR(ratio.low, std::exp(0.1 - half), 1e-12);
  EXPECT_NEAR(ratio.high, std::exp(0.1 + half), 1e-12);
}

TEST(PairedTimes, OfOnePairHaveNoInterval) {
  const auto ratio = engine::ratio_of({{2}, {3}});
  EXPECT_NEAR(ratio.ratio, 1.5, 1e-12);
  EXPECT_TRUE(std::isnan(ratio.low));
  EXPECT_TRUE(std::isinf(ratio.half_width()));
  EXPECT_EQ(engine::latency_of({{2}, {3}}).verdict(), "");
}

// Each two pairs there and back: one other other one, or other one one other, and both of these.
TEST(PairedTimes, AreTakenThereAndBackInRandomOrder) {
  std::string order;
  engine::TurnsPlan plan;
  plan.least_pairs = plan.most_pairs = 40;
  engine::timed_in_turns([&] { return order += 'a', 1.0; }, [&] { return order += 'b', 1.0; }, plan, [] {});
  ASSERT_EQ(order.size(), 80u);
  int one_first = 0;
  for (std::size_t i = 0; i < order.size(); i += 4) {
    const auto turn = order.substr(i, 4);
    EXPECT_TRUE(turn == "abba" || turn == "baab") << turn;
    one_first += turn == "abba" ? 1 : 0;
  }
  EXPECT_GT(one_first, 0);
  EXPECT_LT(one_first, 20);
}

// Without noise the least is enough; with more noise than any number of passes overcomes, pairs or time end it.
TEST(PairedTimes, GoOnUntilTheIntervalIsNarrow) {
  Normal normal(1);
  engine::TurnsPlan plan;
  plan.least_pairs = 10;
  plan.most_pairs = 200;
  const auto quiet = engine::timed_in_turns([] { return 1.0; }, [] { return 1.1; }, plan, [] {});
  EXPECT_EQ(quiet.one.size(), 10u);
  const auto noisy = [&] { return std::exp(2 * normal()); };
  EXPECT_EQ(engine::timed_in_turns(noisy, noisy, plan, [] {}).one.size(), 200u);
  const auto slow = [&] { return 2000 * noisy(); };
  const auto times = engine::timed_in_turns(slow, slow, plan, [] {});
  EXPECT_GE(times.one.size(), 10u);
  EXPECT_LT(times.one.size(), 200u);
}

}  // namespace
}  // namespace espalier::test
