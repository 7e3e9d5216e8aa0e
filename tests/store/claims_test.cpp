#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sample_cells.h"
#include "store/worker_name.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::failed_attempt;
using test::long_lease;
using test::sample_cells;
using test::sample_experiment;

class Claims : public ::testing::Test {
 protected:
  void insert(std::size_t count) { store.insert(sample_experiment(), sample_cells(count), false); }
  std::string state_of(std::size_t row) const {
    const auto cells = store.cells("demo");
    for (std::size_t i = 0; i < cells.columns.size(); ++i) {
      if (cells.columns[i] == "state") return cells.rows.at(row).at(i).text;
    }
    return "";
  }

  test::TempDir folder;
  ResultStore store{folder / "results.db", Mode::Create};
};

constexpr double no_lease = -1;

TEST_F(Claims, AreHandedOutInOrderUntilNoneIsLeft) {
  insert(2);

  const auto first = store.claim("demo", "a", long_lease), second = store.claim("demo", "b", long_lease);

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->key, "k0");
  EXPECT_EQ(first->attempt, 1);
  EXPECT_EQ(first->settings, sample_cells(1)[0].settings);
  EXPECT_EQ(second->key, "k1");
  EXPECT_FALSE(store.claim("demo", "c", long_lease));
  EXPECT_FALSE(store.claim("another", "c", long_lease));
}

TEST_F(Claims, FinishOnce) {
  insert(1);
  const auto claim = store.claim("demo", "a", long_lease);

  EXPECT_TRUE(store.finish(*claim, done_attempt(0.8)));
  EXPECT_FALSE(store.finish(*claim, done_attempt(0.1)));
  EXPECT_FALSE(store.renew(*claim, long_lease));
  EXPECT_EQ(store.counts("demo").done, 1);
  const auto all = store.points("demo");
  ASSERT_EQ(all.rows.size(), 2U);
  const auto some = store.points_with("demo", {"accuracy", "key"});
  EXPECT_EQ(some.columns, (std::vector<std::string>{"accuracy", "key"}));
  ASSERT_EQ(some.rows.size(), all.rows.size());
  for (std::size_t i = 0; i < some.columns.size(); ++i) {
    const auto place = std::find(all.columns.begin(), all.columns.end(), some.columns[i]) - all.columns.begin();
    for (std::size_t row = 0; row < all.rows.size(); ++row) {
      const auto& one = some.rows[row][i];
      const auto& other = all.rows[row].at(static_cast<std::size_t>(place));
      EXPECT_TRUE(one.kind == other.kind && one.integer == other.integer && one.real == other.real &&
                  one.text == other.text);
    }
  }
  EXPECT_THROW(store.points_with("demo", {"acuracy"}), StoreError);
}

TEST_F(Claims, FollowWhereTheCellBeforeEnds) {
  insert(2);
  const auto first = store.claim("demo", "a", long_lease);

  const auto finished = store.finish_and_claim(*first, done_attempt(0.8), "demo", long_lease);

  EXPECT_TRUE(finished.kept);
  ASSERT_TRUE(finished.next);
  EXPECT_EQ(finished.next->key, "k1");
  EXPECT_EQ(finished.next->worker, "a");
  EXPECT_EQ(store.counts("demo").done, 1);
  EXPECT_EQ(store.counts("demo").running, 1);
  const auto last = store.finish_and_claim(*finished.next, done_attempt(0.7), "demo", long_lease);
  EXPECT_TRUE(last.kept);
  EXPECT_FALSE(last.next);
  EXPECT_EQ(store.counts("demo").done, 2);
}

TEST_F(Claims, FollowAlsoWhereTheCellBeforeWasTakenOver) {
  insert(2);
  const auto late = store.claim("demo", "a", long_lease);
  store.worker_died("a", "gone");
  const auto other = store.claim("demo", "b", long_lease);

  const auto finished = store.finish_and_claim(*late, done_attempt(0.8), "demo", long_lease);

  EXPECT_EQ(other->key, "k0");
  EXPECT_FALSE(finished.kept);
  ASSERT_TRUE(finished.next);
  EXPECT_EQ(finished.next->key, "k1");
  EXPECT_TRUE(store.points("demo").rows.empty());
}

TEST_F(Claims, OfAZombieWriteNothing) {
  insert(1);
  const auto zombie = store.claim("demo", "a", no_lease);
  const auto heir = store.claim("demo", "b", long_lease);
  ASSERT_TRUE(heir);
  EXPECT_EQ(heir->attempt, 2);

  EXPECT_FALSE(store.finish(*zombie, done_attempt(0.1)));
  EXPECT_FALSE(store.renew(*zombie, long_lease));
  store.release(*zombie);

  EXPECT_EQ(store.counts("demo").running, 1);
  EXPECT_EQ(store.points("demo").rows.size(), 0U);
  EXPECT_TRUE(store.finish(*heir, done_attempt(0.8)));
}

TEST_F(Claims, AreKeptByRenewing) {
  insert(1);
  const auto claim = store.claim("demo", "a", no_lease);

  EXPECT_TRUE(store.renew(*claim, long_lease));

  EXPECT_FALSE(store.claim("demo", "b", long_lease));
}

TEST_F(Claims, WhoseLeasesRanOutDoNotUseUpTheCellsLives) {
  insert(1);
  for (std::int64_t attempt = 1; attempt <= 5; ++attempt) {
    const auto claim = store.claim("demo", "another-host:1:1", no_lease);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->attempt, attempt);
  }

  EXPECT_EQ(store.counts("demo").failed, 0);
}

// The clock of a second run is ten minutes ahead, or this machine slept: the first one's worker is still at work.
TEST_F(Claims, OfAWorkerThatLivesOnThisHostStayAlsoWhenTheirLeaseRanOut) {
  insert(2);
  const auto held = store.claim("demo", this_worker_name(), no_lease);
  ASSERT_TRUE(held);

  const auto next = store.claim("demo", "another-host:1:1", long_lease);

  ASSERT_TRUE(next);
  EXPECT_EQ(next->key, "k1");
  EXPECT_EQ(state_of(0), "running");
  EXPECT_TRUE(store.finish(*held, done_attempt(0.8)));
}

TEST_F(Claims, OfAWorkerThatIsGoneFromThisHostEndWithTheirLease) {
  insert(1);
  const auto alive = this_worker_name();
  ASSERT_TRUE(store.claim("demo", alive.substr(0, alive.find(':')) + ":999999999:1", no_lease));

  EXPECT_TRUE(store.claim("demo", alive, long_lease));
}

// Found by the simulation, seed 1357: the clock of a machine was weeks ahead when it gave the lease, and is right again.
TEST_F(Claims, WhoseLeasesEndLaterThanAnyLeaseDoesAreHandedOutAgain) {
  double now = 5e6;
  ResultStore on_a_clock(folder / "results.db", Mode::ReadWrite,
                         {[&now] { return now; }, [](const std::string&) { return Whereabouts::Elsewhere; }});
  insert(1);
  const auto claim = on_a_clock.claim("demo", "elsewhere:1:1", 120);
  now = 3e6;

  const auto again = on_a_clock.claim("demo", "elsewhere:2:2", 120);

  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, claim->key);
  EXPECT_FALSE(on_a_clock.finish(*claim, done_attempt(0.1)));
  EXPECT_TRUE(on_a_clock.finish(*again, done_attempt(0.8)));
}

TEST_F(Claims, ReturnWithAnotherWorkerWhenOneDied) {
  insert(2);
  ASSERT_TRUE(store.claim("demo", "a", long_lease));
  ASSERT_TRUE(store.claim("demo", "b", long_lease));

  EXPECT_EQ(store.worker_died("a", "worker a was killed by signal 9"), std::vector<std::string>{"k0"});
  EXPECT_TRUE(store.worker_died("a", "again").empty());

  EXPECT_EQ(store.counts("demo").waiting, 1);
  EXPECT_EQ(store.counts("demo").running, 1);
  const auto second = store.claim("demo", "c", long_lease);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->attempt, 2);
  store.worker_died("c", "worker c was killed by signal 9\nlast lines of its log");
  EXPECT_EQ(state_of(0), "failed");
  EXPECT_EQ(store.progress("demo").failures.at(0).message, "worker c was killed by signal 9\nlast lines of its log");
}

TEST_F(Claims, ThatAreGivenBackDoNotCount) {
  insert(1);
  for (int i = 0; i < 5; ++i) {
    const auto claim = store.claim("demo", "a", long_lease);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->attempt, i + 1);
    store.release(*claim);
  }

  EXPECT_EQ(store.counts("demo").waiting, 1);
}

TEST_F(Claims, OfWorkersThatAreGoneAreReleasedAndOthersKept) {
  insert(3);
  const auto alive = this_worker_name();
  const auto host = alive.substr(0, alive.find(':'));
  ASSERT_TRUE(store.claim("demo", host + ":999999999:1", long_lease));
  ASSERT_TRUE(store.claim("demo", alive, long_lease));
  ASSERT_TRUE(store.claim("demo", "another-host:1:1", long_lease));

  store.release_dead_workers();

  EXPECT_EQ(state_of(0), "waiting");
  EXPECT_EQ(state_of(1), "running");
  EXPECT_EQ(state_of(2), "running");
}

TEST_F(Claims, OfFailedCellsReturnOnlyWhenAsked) {
  insert(1);
  store.finish(*store.claim("demo", "a", long_lease), failed_attempt("the scorer gave NaN"));
  EXPECT_FALSE(store.claim("demo", "a", long_lease));

  EXPECT_EQ(store.insert(sample_experiment(), sample_cells(1), false).added, 0);
  EXPECT_FALSE(store.claim("demo", "a", long_lease));
  const auto inserted = store.insert(sample_experiment(), sample_cells(1), true);
  EXPECT_EQ(inserted.added, 0);
  EXPECT_EQ(inserted.retried, 1);

  const auto again = store.claim("demo", "a", long_lease);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempt, 2);
  EXPECT_TRUE(store.finish(*again, done_attempt(0.8)));
  EXPECT_EQ(store.counts("demo").done, 1);
  EXPECT_TRUE(store.progress("demo").failures.empty());
}

TEST_F(Claims, AfterAFailureARetriedCellHasItsLivesBack) {
  insert(1);
  ASSERT_TRUE(store.claim("demo", "a", long_lease));
  store.worker_died("a", "killed", 1);
  ASSERT_EQ(store.counts("demo").failed, 1);

  store.insert(sample_experiment(), sample_cells(1), true);
  ASSERT_TRUE(store.claim("demo", "b", long_lease));
  store.worker_died("b", "killed");

  EXPECT_EQ(store.counts("demo").waiting, 1);
}

TEST_F(Claims, ResumeWhereTheyWere) {
  insert(3);
  store.finish(*store.claim("demo", "a", long_lease), done_attempt(0.8));

  EXPECT_EQ(store.insert(sample_experiment(), sample_cells(5), false).added, 2);

  EXPECT_EQ(store.done({"k0", "k1", "k4", "", "unknown"}), (std::vector<bool>{true, false, false, false, false}));
  EXPECT_EQ(store.claim("demo", "a", long_lease)->key, "k1");
  EXPECT_EQ(store.counts("demo").cells, 5);
}

TEST_F(Claims, AreOfCellsThatWereMadeOneAfterTheOther) {
  insert(1);
  store.finish(*store.claim("demo", "a", long_lease), failed_attempt("no"));
  const auto cells = sample_cells(3);
  std::size_t given = 0;
  NewCell made;  // the only one in memory

  const auto inserted = store.insert_each(
      sample_experiment(),
      [&]() -> const NewCell* {
        if (given == cells.size()) return nullptr;
        made = cells[given++];
        return &made;
      },
      true);

  EXPECT_EQ(inserted.added, 2);
  EXPECT_EQ(inserted.retried, 1);
  for (const auto* key : {"k0", "k1", "k2"}) EXPECT_EQ(store.claim("demo", "a", long_lease)->key, key);
}

TEST_F(Claims, NoLongerAskedForAreWithdrawn) {
  insert(5);

  insert(2);

  EXPECT_EQ(store.counts("demo").cells, 2);
}

TEST_F(Claims, OfASliceStayWhileItRunsAndAnotherSliceStarts) {
  insert(5);
  const auto running = store.claim("demo", "a", long_lease);

  insert(2);
  EXPECT_EQ(store.counts("demo").cells, 5);

  store.finish(*running, done_attempt(0.8));
  insert(2);
  EXPECT_EQ(store.counts("demo").cells, 2);
}

TEST_F(Claims, AreOfWhatIsAskedForAndTheRestStaysKnown) {
  auto cells = sample_cells(4);
  cells[0].asked = cells[2].asked = false;
  store.insert(sample_experiment(), cells, false);

  EXPECT_EQ(store.counts("demo").cells, 4);
  EXPECT_EQ(store.counts("demo").not_asked, 2);
  EXPECT_EQ(store.counts("").not_asked, 2);
  EXPECT_EQ(store.counts_asked("demo").cells, 2);
  EXPECT_EQ(store.counts_asked("demo").waiting, 2);
  EXPECT_EQ(store.claim("demo", "a", long_lease)->key, "k1");
  EXPECT_EQ(store.claim("demo", "a", long_lease)->key, "k3");
  EXPECT_FALSE(store.claim("demo", "a", long_lease));
}

TEST_F(Claims, OfASliceAreNotTakenFromARunThatIsAtWork) {
  auto cells = sample_cells(4);
  cells[2].asked = cells[3].asked = false;
  store.insert(sample_experiment(), cells, false);
  const auto running = store.claim("demo", "a", long_lease);
  for (std::size_t i = 0; i < 4; ++i) cells[i].asked = i == 3;
  store.insert(sample_experiment(), cells, false);

  EXPECT_EQ(store.counts_asked("demo").cells, 3);

  store.finish(*running, done_attempt(0.8));
  store.insert(sample_experiment(), cells, false);
  EXPECT_EQ(store.counts_asked("demo").cells, 1);
}

TEST_F(Claims, FailuresOutsideTheSliceAreNotTriedAgain) {
  insert(2);
  for (int i = 0; i < 2; ++i) store.finish(*store.claim("demo", "a", long_lease), failed_attempt("no"));
  auto cells = sample_cells(2);
  cells[1].asked = false;

  store.insert(sample_experiment(), cells, true);

  EXPECT_EQ(store.counts("demo").failed, 1);
  EXPECT_EQ(store.claim("demo", "a", long_lease)->key, "k0");
}

TEST_F(Claims, OfAnEarlierStateOfTheFileCountApart) {
  insert(4);
  store.finish(*store.claim("demo", "a", long_lease), done_attempt(0.8));
  store.finish(*store.claim("demo", "a", long_lease), failed_attempt("old"));
  const auto now = std::vector<NewCell>{{"new", sample_cells(1)[0].settings}, sample_cells(1)[0]};

  store.insert(sample_experiment(), now, false);

  const auto counts = store.counts("demo");
  EXPECT_EQ(counts.cells, 2);
  EXPECT_EQ(counts.done, 1);
  EXPECT_EQ(counts.failed, 0);
  EXPECT_EQ(counts.waiting, 1);
  EXPECT_EQ(counts.earlier, 1);  // the failed one; what waited is withdrawn
  EXPECT_EQ(store.counts("").earlier, 1);
  EXPECT_TRUE(store.progress("demo").failures.empty());
  const auto of_keys = store.counts_of("demo", {"new", "k1", "unknown", ""});
  EXPECT_EQ(of_keys.cells, 4);
  EXPECT_EQ(of_keys.failed, 1);
  EXPECT_EQ(of_keys.waiting, 3);
  EXPECT_EQ(of_keys.earlier, 1);  // k0
  EXPECT_EQ(store.progress_of("demo", {"k1"}).failures.size(), 1U);
  EXPECT_TRUE(store.progress_of("demo", {"new"}).failures.empty());
}

TEST_F(Claims, AreTakenAfterAskingForProgressWhileAnotherWrites) {
  insert(2);
  ResultStore other(folder / "results.db", Mode::ReadWrite);
  store.progress("demo");
  other.finish(*other.claim("demo", "b", long_lease), done_attempt(0.8));

  EXPECT_EQ(store.counts("demo").done, 1);
  EXPECT_TRUE(store.claim("demo", "a", long_lease));
}

TEST_F(Claims, OfDoneCellsReturnWhenTheyAreToWaitAgain) {
  insert(2);
  auto with_plugin = done_attempt(0.8);
  with_plugin.plugins = {{"scorer", "hies", "1.0.0", "old"}};
  store.finish(*store.claim("demo", "a", long_lease), with_plugin);
  with_plugin.plugins = {{"scorer", "hies", "1.0.0", "new"}};
  store.finish(*store.claim("demo", "a", long_lease), with_plugin);

  EXPECT_EQ(store.done_with({"scorer", "hies", "1.0.0", "old"}), std::vector<std::string>{"k0"});
  EXPECT_EQ(store.done_with({"scorer", "hies", "1.0.0", "new"}), std::vector<std::string>{"k1"});
  EXPECT_TRUE(store.done_with({"searcher", "hies", "1.0.0", "new"}).empty());
  const auto known = store.plugins();
  EXPECT_TRUE(std::any_of(known.begin(), known.end(), [](const auto& plugin) { return plugin.file_digest == "old"; }));
  store.let_wait_again({"k0", "unknown"});

  EXPECT_EQ(store.counts("demo").waiting, 1);
  EXPECT_EQ(store.counts("demo").done, 1);
  const auto again = store.claim("demo", "a", long_lease);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, "k0");
  EXPECT_EQ(again->attempt, 2);
  EXPECT_TRUE(store.finish(*again, with_plugin));
  EXPECT_TRUE(store.done_with({"scorer", "hies", "1.0.0", "old"}).empty());
}

TEST_F(Claims, OfACellInTwoExperimentsAreSharedByThem) {
  insert(1);
  store.insert(sample_experiment("second"), sample_cells(2), false);

  store.finish(*store.claim("demo", "a", long_lease), done_attempt(0.8));

  EXPECT_EQ(store.counts("second").done, 1);
  EXPECT_EQ(store.claim("second", "a", long_lease)->key, "k1");
  EXPECT_EQ(store.counts("").cells, 2);
  EXPECT_EQ(store.progress("").counts.cells, 2);
}

TEST_F(Claims, TakeAFinishedAttemptWithEverythingOrNothing) {
  insert(1);
  const auto claim = store.claim("demo", "a", long_lease);
  auto broken = done_attempt(0.8);
  broken.points[1].kind = "";  // which the database refuses, after the dense point went in

  EXPECT_THROW(store.finish(*claim, broken), StoreError);

  EXPECT_EQ(store.counts("demo").running, 1);
  EXPECT_TRUE(store.points("demo").rows.empty());
  EXPECT_TRUE(store.finish(*claim, done_attempt(0.8)));
}

// Written by whom it may be, as JSON goes; and what is none is refused before a row is written.
TEST(Insertion, ReadsSettingsHoweverTheyAreSpaced) {
  const test::TempDir folder;
  ResultStore store(folder / "results.db", Mode::Create);
  auto cells = sample_cells(2);
  cells[1].settings = nlohmann::json::parse(cells[1].settings).dump(2);
  store.insert(sample_experiment(), cells, false);

  const auto rows = store.cells("demo");
  ASSERT_EQ(rows.rows.size(), 2U);
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    if (rows.columns[i] == "scorer" || rows.columns[i] == "granularity" || rows.columns[i] == "requested") {
      EXPECT_EQ(rows.rows[0][i].text, rows.rows[1][i].text) << rows.columns[i];
    }
  }
  auto broken = sample_cells(3);
  broken[2].settings = "{\"seed\":1}";
  EXPECT_THROW(store.insert(sample_experiment(), broken, false), StoreError);
  EXPECT_EQ(store.counts("demo").cells, 2);
}

}  // namespace
}  // namespace espalier::store
