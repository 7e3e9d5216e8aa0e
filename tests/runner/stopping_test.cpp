// Runs that end, or leave something out, before all cells are computed.
#include <espalier/error.h>

#include <chrono>
#include <thread>

#include "runner/run.h"
#include "runner_fixture.h"
#include "support/message_of.h"

namespace espalier::runner {
namespace {

using Stopping = RunnerTest;

TEST_F(Stopping, AtTheFirstFailureWhereAsked) {
  set("FAKE_FAIL_SEED", "0");
  set("FAKE_SLEEP", "0.4");
  auto fast = options();
  fast.fail_fast = true;

  const auto outcome = run(experiment(20), fast);

  EXPECT_EQ(outcome.stopped_by, StoppedBy::FirstFailure);
  EXPECT_EQ(outcome.failed, 1);
  EXPECT_LT(outcome.done, 10);
}

TEST_F(Stopping, AtAFailureOfAnEarlierRunDoesNotHappen) {
  set("FAKE_FAIL_SEED", "1");
  run(experiment(3), options());
  auto slice = experiment(1);
  auto fast = options();
  fast.fail_fast = true;

  EXPECT_EQ(run(slice, fast).stopped_by, StoppedBy::Nothing);
}

TEST_F(Stopping, WhenTheTimeIsOver) {
  set("FAKE_SLEEP", "0.3");
  auto limited = options();
  limited.time_limit_seconds = 3;

  const auto outcome = run(experiment(50), limited);

  EXPECT_EQ(outcome.stopped_by, StoppedBy::TimeLimit);
  EXPECT_GT(outcome.done, 0);
  EXPECT_LT(outcome.done, 50);
  const store::ResultStore store(options().database, store::Mode::ReadOnly);
  EXPECT_EQ(store.counts("fake").running, 0);
}

TEST_F(Stopping, AfterSoManyCells) {
  auto limited = options(2);
  limited.cells_at_most = 3;

  const auto first = run(experiment(5), limited), second = run(experiment(5), limited);

  EXPECT_EQ(first.computed, 3);
  EXPECT_EQ(first.left_for_later, 2);
  EXPECT_EQ(first.stopped_by, StoppedBy::Nothing);
  EXPECT_EQ(second.computed, 2);
  EXPECT_EQ(second.left_for_later, 0);
}

// What a run leaves for later is no business of another that asks for it, nor are earlier failures beyond the first cells.
TEST_F(Stopping, AfterSoManyCellsLeavesTheRestAsItIs) {
  set("FAKE_FAIL_SEED", "3");
  run(experiment(4), options());
  set("FAKE_FAIL_SEED", "none");
  auto limited = options();
  limited.cells_at_most = 1;

  const auto outcome = run(experiment(6), limited);

  EXPECT_EQ(outcome.computed, 1);
  EXPECT_EQ(outcome.done, 4);
  EXPECT_EQ(outcome.left_for_later, 2);
}

TEST_F(Stopping, WhilePausedBeginsNothing) {
  run(experiment(1), options());
  const auto others = experiment(3);
  {
    store::ResultStore store(options().database, store::Mode::ReadWrite);
    store.set_paused("fake", true);
  }
  std::thread resumes([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(900));
    store::ResultStore store(options().database, store::Mode::ReadWrite);
    EXPECT_EQ(store.counts("fake").done, 1);
    store.set_paused("fake", false);
  });

  const auto outcome = run(others, options());
  resumes.join();

  EXPECT_EQ(outcome.done, 3);
}

TEST_F(Stopping, LeavesOutADeviceThatFails) {
  set("FAKE_FAILING_DEVICE", "cuda:1");
  set("FAKE_SLEEP", "0.1");
  auto two = options(2);
  two.devices = {{DeviceKind::Cuda, 0}, {DeviceKind::Cuda, 1}};

  const auto outcome = run(experiment(8), two);

  EXPECT_EQ(outcome.done, 8);
  ASSERT_EQ(outcome.devices_left_out.size(), 1U);
  EXPECT_EQ(outcome.devices_left_out[0],
            "cuda:1 is left out: attempts in a row failed on it for reasons that are no cell's");
}

TEST_F(Stopping, WhenNoDeviceIsLeft) {
  set("FAKE_FAILING_DEVICE", "cuda:0");
  auto one = options();
  one.devices = {{DeviceKind::Cuda, 0}};

  const auto message = test::message_of<SettingsError>([&] { run(experiment(2), one); });

  EXPECT_TRUE(message.starts_with("no device is left to compute on\n")) << message;
  EXPECT_NE(message.find("look whether the GPUs answer"), std::string::npos) << message;
}

TEST_F(Stopping, PassesLimitsOnToWorkers) {
  auto limited = options();
  limited.limits = {90, 1 << 30, 5};

  run(experiment(1), limited);

  EXPECT_EQ(journal("journal.limits").at(0), "90 1073741824 5");
}

}  // namespace
}  // namespace espalier::runner
