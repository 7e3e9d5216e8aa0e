// Attempts that are made once more, and cells that are not handed out for a while.
#include <gtest/gtest.h>

#include "sample_cells.h"
#include "store/worker_name.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::long_lease;
using test::sample_cells;
using test::sample_experiment;

Attempt failed_of(FailureReason reason, const std::string& message) {
  Attempt attempt;
  attempt.outcome = Outcome::Failed;
  attempt.reason = reason;
  attempt.message = message;
  attempt.seconds = 1.5;
  attempt.device = "cuda:1";
  attempt.peak_memory_bytes = 4096;
  return attempt;
}

class Retries : public ::testing::Test {
 protected:
  void insert(std::size_t count) { store.insert(sample_experiment(), sample_cells(count), true); }

  test::TempDir folder;
  ResultStore store{folder / "results.db", Mode::Create};
};

TEST_F(Retries, HalveTheBatchAndAreRecorded) {
  insert(1);
  auto claim = store.claim("demo", "a", long_lease);

  EXPECT_TRUE(store.try_again(*claim, failed_of(FailureReason::OutOfMemory, "too much"), true));

  claim = store.claim("demo", "a", long_lease);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->batch_halvings, 1);
  auto done = done_attempt(0.8);
  done.batch_halvings = 1;
  EXPECT_TRUE(store.finish(*claim, done));
  const auto cell = store.read("k0");
  ASSERT_EQ(cell.attempts.size(), 2U);
  EXPECT_EQ(cell.state, "done");
  EXPECT_EQ(cell.attempts[0].outcome, Outcome::Failed);
  EXPECT_EQ(cell.attempts[0].reason, FailureReason::OutOfMemory);
  EXPECT_EQ(cell.attempts[0].device, "cuda:1");
  EXPECT_EQ(cell.attempts[0].peak_memory_bytes, 4096);
  EXPECT_EQ(cell.attempts[0].batch_halvings, 0);
  EXPECT_EQ(cell.attempts[1].batch_halvings, 1);
  EXPECT_EQ(cell.attempts[1].reason, std::nullopt);
}

// Halving is bounded by who asks for it, and costs no life.
TEST_F(Retries, ThatHalveCostNoLife) {
  insert(1);
  for (int i = 0; i < 3; ++i) {
    const auto claim = store.claim("demo", "a", long_lease);
    EXPECT_TRUE(store.try_again(*claim, failed_of(FailureReason::MemoryLimit, "too much"), true, 2)) << i;
  }
  EXPECT_EQ(store.claim("demo", "a", long_lease)->batch_halvings, 3);
}

TEST_F(Retries, ThatHalveNothingCostALife) {
  insert(1);
  const auto first = store.claim("demo", "a", long_lease);
  EXPECT_TRUE(store.try_again(*first, failed_of(FailureReason::Device, "CUDA error"), false, 2));
  const auto second = store.claim("demo", "a", long_lease);
  EXPECT_EQ(second->batch_halvings, 0);
  EXPECT_FALSE(store.try_again(*second, failed_of(FailureReason::Device, "CUDA error again"), false, 2));

  EXPECT_EQ(store.read("k0").state, "failed");
  EXPECT_EQ(store.read("k0").message, "CUDA error again");
  EXPECT_FALSE(store.claim("demo", "a", long_lease));
}

TEST_F(Retries, OfALostClaimWriteNothing) {
  insert(1);
  const auto claim = store.claim("demo", "a", long_lease);
  store.release(*claim);

  EXPECT_FALSE(store.try_again(*claim, failed_of(FailureReason::OutOfMemory, "too late"), true));

  EXPECT_EQ(store.read("k0").state, "waiting");
  EXPECT_EQ(store.claim("demo", "a", long_lease)->batch_halvings, 0);
}

TEST_F(Retries, OfTheUserBeginWithWholeBatches) {
  insert(1);
  auto claim = store.claim("demo", "a", long_lease);
  store.try_again(*claim, failed_of(FailureReason::OutOfMemory, "too much"), true);
  claim = store.claim("demo", "a", long_lease);
  store.finish(*claim, failed_of(FailureReason::OutOfMemory, "too much"));

  insert(1);

  EXPECT_EQ(store.claim("demo", "a", long_lease)->batch_halvings, 0);
}

TEST_F(Retries, WaitWhileTheExperimentIsPaused) {
  insert(2);
  const auto begun = store.claim("demo", "a", long_lease);
  store.set_paused("demo", true);

  EXPECT_TRUE(store.is_paused("demo"));
  EXPECT_FALSE(store.claim("demo", "b", long_lease));
  const auto finished = store.finish_and_claim(*begun, done_attempt(0.5), "demo", long_lease);
  EXPECT_TRUE(finished.kept);
  EXPECT_FALSE(finished.next);

  store.set_paused("demo", false);
  EXPECT_FALSE(store.is_paused("demo"));
  EXPECT_TRUE(store.claim("demo", "b", long_lease));
  EXPECT_FALSE(store.is_paused("another"));
}

TEST_F(Retries, KeepTheirLimitsWithTheExperiment) {
  insert(1);
  EXPECT_EQ(store.limits("demo"), CellLimits{});
  const CellLimits limits{90, 1 << 20, 3};
  store.keep_limits("demo", limits);
  EXPECT_EQ(store.limits("demo"), limits);
  EXPECT_EQ(store.limits("another"), CellLimits{});
}

TEST_F(Retries, KnowWhetherARunIsAtWork) {
  auto experiment = sample_experiment();
  store.insert(experiment, sample_cells(1), true);
  EXPECT_FALSE(store.is_at_work("demo"));
  const auto claim = store.claim("demo", "a", long_lease);
  EXPECT_TRUE(store.is_at_work("demo"));
  EXPECT_TRUE(store.is_at_work(""));
  EXPECT_FALSE(store.is_at_work("another"));
  store.release(*claim);
  EXPECT_FALSE(store.is_at_work("demo"));
  experiment.run = this_worker_name();
  store.insert(experiment, sample_cells(1), true);
  EXPECT_TRUE(store.is_at_work("demo"));
  store.end_run(experiment.run);
  EXPECT_FALSE(store.is_at_work("demo"));
}

}  // namespace
}  // namespace espalier::store
