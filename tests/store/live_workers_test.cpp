// Who is at work, what is left to do, and how one cell stands.
#include <gtest/gtest.h>

#include <algorithm>

#include "sample_cells.h"
#include "store/result_store.h"
#include "store/worker_name.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::long_lease;
using test::sample_cells;
using test::sample_experiment;

class LiveWorkers : public ::testing::Test {
 protected:
  static LiveWorker at_work(const std::string& name, const std::string& stage = "scores") {
    LiveWorker worker;
    worker.name = name;
    worker.experiment = "demo";
    worker.device = "cuda:1";
    worker.threads = 3;
    worker.stage = stage;
    worker.memory_bytes = 1 << 20;
    worker.finished = 7;
    return worker;
  }

  test::TempDir folder;
  double now = 1000;
  std::map<std::string, Whereabouts> places;
  ResultStore store{folder / "results.db",
                    Mode::Create,
                    {[this] { return now; },
                     [this](const std::string& name) {
                       const auto found = places.find(name);
                       return found == places.end() ? Whereabouts::Elsewhere : found->second;
                     }}};
};

TEST_F(LiveWorkers, AreAsEachSaidLastWithTheCellThatItHolds) {
  store.insert(sample_experiment(), sample_cells(2), false);
  places["a"] = Whereabouts::Alive;
  store.note_worker(at_work("a"));
  now += 2;
  store.claim("demo", "a", long_lease);
  now += 3;
  store.note_worker(at_work("a", "search"));
  now += 1;

  const auto workers = store.workers("demo");

  ASSERT_EQ(workers.size(), 1U);
  EXPECT_EQ(workers[0].name, "a");
  EXPECT_EQ(workers[0].device, "cuda:1");
  EXPECT_EQ(workers[0].threads, 3);
  EXPECT_EQ(workers[0].stage, "search");
  EXPECT_EQ(workers[0].memory_bytes, 1 << 20);
  EXPECT_EQ(workers[0].finished, 7);
  EXPECT_EQ(workers[0].key, "k0");
  EXPECT_EQ(workers[0].where, Whereabouts::Alive);
  EXPECT_DOUBLE_EQ(*workers[0].silent_seconds, 1);
  EXPECT_DOUBLE_EQ(*workers[0].seconds_at_cell, 4);
  EXPECT_TRUE(store.workers("another").empty());
}

TEST_F(LiveWorkers, ThatSayNothingAreKnownByTheirCells) {
  store.insert(sample_experiment(), sample_cells(2), false);
  store.claim("demo", "silent", long_lease);

  const auto workers = store.workers("");

  ASSERT_EQ(workers.size(), 1U);
  EXPECT_EQ(workers[0].name, "silent");
  EXPECT_EQ(workers[0].experiment, "demo");
  EXPECT_EQ(workers[0].key, "k0");
  EXPECT_FALSE(workers[0].silent_seconds);
}

TEST_F(LiveWorkers, ThatAreGoneAreShownUntilTheDeadAreReleased) {
  store.insert(sample_experiment(), sample_cells(2), false);
  places["a"] = Whereabouts::Gone;
  places["b"] = Whereabouts::Alive;
  store.note_worker(at_work("a"));
  store.note_worker(at_work("b"));

  ASSERT_EQ(store.workers("demo").size(), 2U);
  EXPECT_EQ(store.workers("demo")[0].where, Whereabouts::Gone);
  store.release_dead_workers();
  ASSERT_EQ(store.workers("demo").size(), 1U);
  EXPECT_EQ(store.workers("demo")[0].name, "b");
  store.forget_worker("b");
  EXPECT_TRUE(store.workers("demo").empty());
}

// Two quick cells and a slow one are done; one quick and two slow ones wait.
TEST_F(LiveWorkers, HaveTimeLeftByTheKindsOfTheirCells) {
  auto quick = test::sample_settings(), slow = test::sample_settings();
  slow.recovery = {"lora", "lora", "1", {}};
  std::vector<NewCell> cells;
  for (const auto* name : {"q0", "q1", "s0"}) cells.push_back(test::sample_cell(name, name[0] == 'q' ? quick : slow));
  for (const auto* name : {"q2", "s1", "s2"}) cells.push_back(test::sample_cell(name, name[0] == 'q' ? quick : slow));
  store.insert(sample_experiment(), cells, false);
  EXPECT_FALSE(seconds_of_work(store.kinds("demo")));
  for (const double seconds : {1.0, 3.0, 100.0}) {
    auto attempt = done_attempt(0.8);
    attempt.seconds = seconds;
    store.finish(*store.claim("demo", "a", long_lease), attempt);
  }

  EXPECT_DOUBLE_EQ(*seconds_of_work(store.kinds("demo")), 2 + 200);
  EXPECT_DOUBLE_EQ(*seconds_of_work(store.kinds("")), 2 + 200);
  // The quick one runs, and has for a second and a half.
  store.claim("demo", "a", long_lease);
  now += 1.5;
  EXPECT_DOUBLE_EQ(*seconds_of_work(store.kinds("demo")), 0.5 + 200);
  EXPECT_DOUBLE_EQ(*seconds_left(store.kinds("demo"), 1), 200.5);
  EXPECT_DOUBLE_EQ(*seconds_left(store.kinds("demo"), 2), 100.25);
  // Two slow cells are not done quicker by eight workers than by two.
  EXPECT_DOUBLE_EQ(*seconds_left(store.kinds("demo"), 8), 100);
}

TEST_F(LiveWorkers, TakeWhatWasNotMeasuredFromTheNearestKind) {
  std::vector<KindOfCells> kinds{{"head", "fisher", "ranking", "none", "small", 0, 0, 0, 2, 10},
                                 {"head", "fisher", "ranking", "lora", "small", 0, 0, 0, 2, 500},
                                 {"head", "random", "ranking", "none", "large", 1, 0, 0, 0, 0}};
  EXPECT_DOUBLE_EQ(*seconds_of_work(kinds), 10);
  kinds[2] = {"head", "random", "a-star", "none", "small", 1, 0, 0, 0, 0};
  EXPECT_DOUBLE_EQ(*seconds_of_work(kinds), 255);
}

TEST_F(LiveWorkers, LeaveACellBehindThoseThatComeFirst) {
  store.insert(sample_experiment(), sample_cells(4), false);
  store.claim("demo", "a", long_lease);

  const auto last = store.situation("k3");

  ASSERT_EQ(last.places.size(), 1U);
  EXPECT_EQ(last.places[0].experiment, "demo");
  EXPECT_TRUE(last.places[0].is_current);
  EXPECT_TRUE(last.places[0].is_asked);
  EXPECT_FALSE(last.places[0].is_paused);
  EXPECT_EQ(last.places[0].ahead, 2);
  EXPECT_EQ(last.places[0].workers, 1);
  EXPECT_FALSE(last.holder);
}

TEST_F(LiveWorkers, HoldACellUntilTheirLeaseEnds) {
  store.insert(sample_experiment(), sample_cells(1), false);
  places["a"] = Whereabouts::Alive;
  store.claim("demo", "a", 120);
  now += 30;

  const auto held = store.situation("k0").holder;

  ASSERT_TRUE(held);
  EXPECT_EQ(held->worker, "a");
  EXPECT_EQ(held->where, Whereabouts::Alive);
  EXPECT_DOUBLE_EQ(held->held_seconds, 30);
  EXPECT_DOUBLE_EQ(held->lease_seconds, 90);
}

}  // namespace
}  // namespace espalier::store
