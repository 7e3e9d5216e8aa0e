#include "latency.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base_model.h"
#include "support/message_of.h"
#include "timing/energy.h"
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

// Of one turn there and back the ratio is sqrt(1.1 * 1.2), whatever the two medians say of it.
TEST(Latency, MillisecondsAndRatioComeFromOneEstimator) {
  const auto slower = engine::latency_of({{10, 20}, {11, 24}});
  EXPECT_EQ(slower.dense_milliseconds, 15);
  EXPECT_NEAR(slower.ratio, std::sqrt(1.1 * 1.2), 1e-12);
  EXPECT_NEAR(slower.pruned_milliseconds, 15 * slower.ratio, 1e-12);
  EXPECT_EQ(slower.repeats, 2);
  EXPECT_EQ(slower.outliers, 0);
}

TEST(Latency, VerdictsNeedTheWholeInterval) {
  const auto verdict = [](double low, double high) {
    Latency latency;
    latency.ratio_low = low, latency.ratio_high = high;
    return latency.verdict();
  };
  EXPECT_EQ(verdict(0.7, 0.9), "faster");
  EXPECT_EQ(verdict(0.95, 0.989), "faster");
  EXPECT_EQ(verdict(1.02, 1.1), "slower");
  EXPECT_EQ(verdict(0.99, 1.02), "same");
  // Two copies of one model may differ by less than a hundredth.
  EXPECT_EQ(verdict(0.991, 0.995), "same");
  EXPECT_EQ(verdict(1.002, 1.009), "same");
  EXPECT_EQ(verdict(0.7, 1.1), "undecided");
  EXPECT_EQ(verdict(0.96, 1), "undecided");
  EXPECT_EQ(verdict(std::nan(""), std::nan("")), "");
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
    EXPECT_GE(one.repeats, 6);
    EXPECT_LE(one.repeats, 6 * engine::most_repeats);
    ASSERT_TRUE(one.outliers);
    EXPECT_LE(*one.outliers, one.repeats);
    // What the pruned model lacks of weights alone is less than what it takes less of memory.
    ASSERT_TRUE(one.dense_peak_bytes && one.pruned_peak_bytes);
    EXPECT_GT(*one.dense_peak_bytes, 4 * result.points[0].parameters_total);
    EXPECT_GE(*one.dense_peak_bytes - *one.pruned_peak_bytes, 4 * result.points[1].parameters_removed);
    EXPECT_EQ(one.dense_joules.has_value(), !one.energy_source.empty());
    EXPECT_EQ(one.threads, 1);
    EXPECT_GT(one.length, 0);
    EXPECT_EQ(one.device, "cpu");
  }
}

// A counter that passes move.
class MadeUpMeter final : public engine::EnergyMeter {
 public:
  std::string source() const override { return "made up"; }
  double least_seconds() const override { return 0.02; }
  double joules() override { return used; }
  double used = 0;
};

TEST(Latency, EnergyIsThatOfOnePassOfEach) {
  MadeUpMeter meter;
  const auto latency = engine::measure_passes([&] { return meter.used += 1, 1.0; },
                                              [&] { return meter.used += 0.5, 0.5; }, 10, &meter, {});
  EXPECT_EQ(latency.energy_source, "made up");
  EXPECT_NEAR(*latency.dense_joules, 1, 1e-9);
  EXPECT_NEAR(*latency.pruned_joules, 0.5, 1e-9);
  EXPECT_NEAR(latency.ratio, 0.5, 1e-9);
  EXPECT_EQ(latency.verdict(), "faster");

  const auto without = engine::measure_passes([] { return 1.0; }, [] { return 1.0; }, 10, nullptr, {});
  EXPECT_FALSE(without.dense_joules || without.pruned_joules);
  EXPECT_EQ(without.energy_source, "");
}

TEST(Latency, OfACounterThatStandsStillThereIsNoEnergy) {
  MadeUpMeter meter;
  const auto latency = engine::measure_passes([] { return 1.0; }, [] { return 1.0; }, 10, &meter, {});
  EXPECT_FALSE(latency.dense_joules || latency.pruned_joules);
  EXPECT_EQ(latency.energy_source, "");
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
