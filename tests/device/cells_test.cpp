// Every kind of cell gives on the fake device what it gives on the CPU: masks, metrics, predictions, proofs.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "device_cells.h"
#include "fake_counts.h"

namespace espalier::test {
namespace {

class OnTheFakeDevice : public testing::TestWithParam<DeviceCell> {};

TEST_P(OnTheFakeDevice, IsWhatItIsOnTheCpu) {
  const CellOnDevices tiny(GetParam());
  const FakeCounts counts;

  const auto here = tiny.run({}), there = tiny.run(fake_device());

  EXPECT_GT(counts.operators(), 0);
  EXPECT_EQ(there.failure, "");
  ASSERT_EQ(there.points.size(), here.points.size());
  EXPECT_EQ(there.timing.memory_shortages, 0);
  for (std::size_t i = 0; i < here.points.size(); ++i) {
    const auto &point = there.points[i], &of_cpu = here.points[i];
    const auto where = of_cpu.kind + ' ' + std::to_string(of_cpu.step);
    EXPECT_EQ(point.kind, of_cpu.kind);
    EXPECT_EQ(point.proof_passed, of_cpu.proof_passed) << where;
    if (point.proof) {
      EXPECT_TRUE(point.proof->passed) << where << ": " << point.proof->failure;
    }
    for (const auto& latency : point.latency) EXPECT_EQ(latency.device, "fake") << where;
    if (GetParam().by_time) continue;
    EXPECT_EQ(point.mask_digest, of_cpu.mask_digest) << where;
    EXPECT_EQ(point.predictions, of_cpu.predictions) << where;
    expect_equal_metrics(point, of_cpu, 1e-3, where);
  }
}

INSTANTIATE_TEST_SUITE_P(SmokeGrid, OnTheFakeDevice, testing::ValuesIn(cells::all()),
                         [](const auto& cell) { return cell.param.name; });

// --- caches and steps of several devices

DeviceCell scheduled() {
  return {
      "scheduled", cells::both(cells::recovery("finetune", cells::quick_training(1e-3)), [](TinyCell& tiny) {
        tiny.cell.schedule = ScheduleSettings{3, 0, BudgetShare::Remaining, Rounding::Nearest, ScheduleShape::Linear};
      })};
}

// Runs until the first step is kept, as a process that is killed then.
void run_one_step(const CellOnDevices& tiny, const nn::Device& device, const std::string& cache) {
  const auto kept = [&] {
    const auto steps = tiny.folder / ("cache-" + cache) / "steps";
    if (!std::filesystem::exists(steps)) return false;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(steps)) {
      if (entry.path().filename() == "parameters.safetensors") return true;
    }
    return false;
  };
  engine::Engine stopped(bundled_plugins(), tiny.folder / ("cache-" + cache), {nullptr, kept}, device);
  EXPECT_THROW(stopped.run(tiny.cell), Interrupted);
  ASSERT_TRUE(kept());
}

TEST(CellsOfSeveralDevices, GoOnFromTheStepsOfTheirOwn) {
  const CellOnDevices tiny(scheduled());
  const auto whole = tiny.run(fake_device(), "whole");
  run_one_step(tiny, fake_device(), "stopped");

  const auto resumed = tiny.run(fake_device(), "stopped");

  EXPECT_EQ(resumed.timing.steps_read, 1);
  EXPECT_TRUE(equal_masks(whole, resumed));
  ASSERT_EQ(resumed.points.size(), whole.points.size());
  for (std::size_t i = 0; i < whole.points.size(); ++i) EXPECT_EQ(resumed.points[i].metrics, whole.points[i].metrics);
}

TEST(CellsOfSeveralDevices, TakeNoStepsOfAnother) {
  const CellOnDevices tiny(scheduled());
  for (const bool from_cpu : {true, false}) {
    const std::string cache = from_cpu ? "from-cpu" : "from-fake";
    run_one_step(tiny, from_cpu ? nn::Device{} : fake_device(), cache);
    EXPECT_EQ(tiny.run(from_cpu ? fake_device() : nn::Device{}, cache).timing.steps_read, 0) << cache;
  }
}

TEST(CellsOfSeveralDevices, TakeNoNumbersOfAnother) {
  const CellOnDevices tiny({"fisher", cells::scorer("fisher")});
  tiny.run({}, "shared");

  const auto first = tiny.run(fake_device(), "shared").timing.cached,
             again = tiny.run(fake_device(), "shared").timing.cached;

  for (const auto& [what, cached] : first) EXPECT_FALSE(cached) << what;
  EXPECT_TRUE(again.at("base_model"));
  EXPECT_TRUE(again.at("scores"));
}

}  // namespace
}  // namespace espalier::test
