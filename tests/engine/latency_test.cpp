#include "latency.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/base_model.h"
#include "support/message_of.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

// Of ten values the interval from the second to the ninth holds the median with 97.9 %, the next narrower one with 89 %.
TEST(Latency, IntervalsAreOfOrderStatistics) {
  std::vector<double> ten(10);
  std::iota(ten.begin(), ten.end(), 1.0);
  const auto of_ten = engine::median_interval(ten);
  EXPECT_EQ(of_ten.median, 5.5);
  EXPECT_EQ(of_ten.low, 2);
  EXPECT_EQ(of_ten.high, 9);

  const auto of_three = engine::median_interval({3, 1, 2});
  EXPECT_EQ(of_three.median, 2);
  EXPECT_EQ(of_three.low, 1);
  EXPECT_EQ(of_three.high, 3);
  EXPECT_EQ(engine::median_interval({}).median, 0);
}

// Times by hand where the two medians and the median of the ratios disagree: 10, 20, 30 against 9, 21, 33 are .9, 1.05, 1.1.
TEST(Latency, MillisecondsAndRatioComeFromOneEstimator) {
  const auto slower = engine::latency_of({10, 20, 30}, {9, 21, 33});
  EXPECT_EQ(slower.dense_milliseconds, 20);
  EXPECT_DOUBLE_EQ(slower.ratio, 1.05);
  EXPECT_DOUBLE_EQ(slower.pruned_milliseconds, 21);
  EXPECT_EQ(slower.repeats, 3);

  // Medians 12 and 11 say faster; pair by pair 1.1, 11 / 12 and 2 say slower.
  const auto contradicted = engine::latency_of({10, 12, 13}, {11, 11, 26});
  EXPECT_DOUBLE_EQ(contradicted.ratio, 1.1);
  EXPECT_GT(contradicted.pruned_milliseconds, contradicted.dense_milliseconds);
}

TEST(Latency, VerdictsNeedTheWholeInterval) {
  Latency latency;
  latency.ratio_low = 0.7, latency.ratio_high = 0.9;
  EXPECT_EQ(latency.verdict(), "faster");
  latency.ratio_high = 1.1;
  EXPECT_EQ(latency.verdict(), "same");
  latency.ratio_low = 1.05;
  EXPECT_EQ(latency.verdict(), "slower");
}

TEST(Latency, IsMeasuredForEachBatchSizeOfACell) {
  TinyCell tiny;
  tiny.cell.measure.latency = LatencySettings{{1, 4}, 6};

  const auto result = tiny.engine()->run(tiny.cell);

  EXPECT_TRUE(result.points[0].latency.empty());
  const auto& latency = result.points[1].latency;
  ASSERT_EQ(latency.size(), 2u);
  EXPECT_EQ(latency[0].batch, 1);
  EXPECT_EQ(latency[1].batch, 4);
  for (const auto& one : latency) {
    EXPECT_GT(one.dense_milliseconds, 0);
    EXPECT_GT(one.pruned_milliseconds, 0);
    EXPECT_LE(one.ratio_low, one.ratio);
    EXPECT_GE(one.ratio_high, one.ratio);
    EXPECT_EQ(one.repeats, 6);
    EXPECT_EQ(one.threads, 1);
    EXPECT_GT(one.length, 0);
    EXPECT_EQ(one.device, "cpu");
  }
}

TEST(Latency, OfAnotherKindOfDeviceIsNotMeasured) {
  TinyCell tiny;
  tiny.cell.measure.latency = LatencySettings{{1}, 2, LatencyDevice::Cuda};
  EXPECT_EQ(message_of<SettingsError>([&] { tiny.engine()->run(tiny.cell); }),
            "[measure] latency asks for times on cuda, and this worker computes on cpu\n    run with --devices cuda");

  tiny.cell.measure.latency->device = LatencyDevice::Cpu;
  EXPECT_EQ(tiny.engine()->run(tiny.cell).points[1].latency.size(), 1u);
}

}  // namespace
}  // namespace espalier::test
