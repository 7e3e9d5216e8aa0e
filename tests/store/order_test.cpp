// Which cell is handed out next, and which runs keep what they asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sample_cells.h"
#include "store/worker_name.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::long_lease;
using test::sample_cells;
using test::sample_experiment;

class Order : public ::testing::Test {
 protected:
  // Nested loops: bases, scorers of each, so many cells of each; the rank of a cell by its place within its score group.
  void insert(std::int64_t bases, std::int64_t scorers, std::int64_t cells_of_each, bool coarse_to_fine) {
    auto cells = sample_cells(static_cast<std::size_t>(bases * scorers * cells_of_each));
    std::size_t next = 0;
    for (std::int64_t base = 1; base <= bases; ++base) {
      for (std::int64_t scorer = 1; scorer <= scorers; ++scorer) {
        for (std::int64_t i = 0; i < cells_of_each; ++i, ++next) {
          // Numbers of groups say nothing of their order.
          cells[next].groups = {base * 7919 % 101, base * 1000 + scorer * 31 % 17};
          cells[next].rank = coarse_to_fine ? i : 0;
          groups_[cells[next].key] = cells[next].groups;
          ranks_[cells[next].key] = cells[next].rank;
        }
      }
    }
    if (coarse_to_fine)
      std::stable_sort(cells.begin(), cells.end(), [](const auto& a, const auto& b) { return a.rank < b.rank; });
    store_.insert(sample_experiment(), cells, false);
  }

  // Workers take turns, each by a connection of its own, until none is left: what each of them was given.
  std::map<std::string, std::vector<std::string>> dealt(const std::vector<std::string>& workers) {
    std::map<std::string, std::vector<std::string>> keys;
    std::map<std::string, ResultStore> stores;
    std::map<std::string, Claim> held;
    for (const auto& worker : workers) {
      auto& store = stores.try_emplace(worker, folder_ / "results.db", Mode::ReadWrite).first->second;
      if (auto claim = store.claim("demo", worker, long_lease)) held[worker] = *claim;
    }
    while (!held.empty()) {
      for (const auto& worker : workers) {
        if (held.count(worker) == 0) continue;
        const auto claim = held.at(worker);
        keys[worker].push_back(claim.key);
        order_.push_back(claim.key);
        held.erase(worker);
        const auto finished = stores.at(worker).finish_and_claim(claim, done_attempt(0.8), "demo", long_lease);
        if (finished.next) held[worker] = *finished.next;
      }
    }
    return keys;
  }

  // How often a worker went from one base group to another.
  std::size_t changes(const std::vector<std::string>& keys) const {
    std::size_t count = 0;
    for (std::size_t i = 1; i < keys.size(); ++i)
      count += groups_.at(keys[i]).base != groups_.at(keys[i - 1]).base ? 1 : 0;
    return count;
  }

  std::set<std::int64_t> bases(const std::vector<std::string>& keys) const {
    std::set<std::int64_t> found;
    for (const auto& key : keys) found.insert(*groups_.at(key).base);
    return found;
  }

  test::TempDir folder_;
  ResultStore store_{folder_ / "results.db", Mode::Create};
  std::map<std::string, WorkGroups> groups_;
  std::map<std::string, std::int64_t> ranks_;
  std::vector<std::string> order_;  // of all workers together
};

TEST_F(Order, LeavesEachOfTwoWorkersItsOwnModelsAndData) {
  insert(/*bases=*/4, /*scorers=*/3, /*cells_of_each=*/5, /*coarse_to_fine=*/false);

  const auto keys = dealt({"a", "b"});

  EXPECT_EQ(changes(keys.at("a")), 1U);
  EXPECT_EQ(changes(keys.at("b")), 1U);
  EXPECT_EQ(bases(keys.at("a")).size(), 2U);
  EXPECT_EQ(bases(keys.at("b")).size(), 2U);
  EXPECT_EQ(keys.at("a").front(), "k0");
  EXPECT_EQ(order_.size(), 60U);
}

TEST_F(Order, KeepsAScoreGroupTogether) {
  insert(/*bases=*/1, /*scorers=*/4, /*cells_of_each=*/6, /*coarse_to_fine=*/false);

  const auto keys = dealt({"a", "b"});

  for (const auto& [worker, taken] : keys) {
    std::size_t score_changes = 0;
    for (std::size_t i = 1; i < taken.size(); ++i)
      score_changes += groups_.at(taken[i]).scores != groups_.at(taken[i - 1]).scores ? 1 : 0;
    EXPECT_EQ(score_changes, 1U) << worker;
  }
}

TEST_F(Order, GoesFromCoarseToFineAlsoWhereWorkersKeepToTheirModels) {
  insert(/*bases=*/4, /*scorers=*/2, /*cells_of_each=*/6, /*coarse_to_fine=*/true);

  const auto keys = dealt({"a", "b"});

  std::vector<std::int64_t> ranks;
  for (const auto& key : order_) ranks.push_back(ranks_.at(key));
  // What is finished first was claimed first, but for the one cell that the other holds meanwhile.
  for (std::size_t i = 2; i < ranks.size(); ++i) EXPECT_LE(ranks[i - 2], ranks[i]) << i;
  // In each rank there are cells of all four models; each of them stays with one worker.
  EXPECT_EQ(bases(keys.at("a")).size(), 2U);
  EXPECT_EQ(bases(keys.at("b")).size(), 2U);
}

TEST_F(Order, LetsNothingStarve) {
  insert(/*bases=*/40, /*scorers=*/30, /*cells_of_each=*/1, /*coarse_to_fine=*/false);

  const auto keys = dealt({"a", "b", "c"});

  EXPECT_EQ(std::set(order_.begin(), order_.end()).size(), 1200U);
}

TEST_F(Order, SharesTheOnlyModelBetweenAllWorkers) {
  insert(/*bases=*/1, /*scorers=*/1, /*cells_of_each=*/8, /*coarse_to_fine=*/false);

  const auto keys = dealt({"a", "b"});

  EXPECT_EQ(order_, (std::vector<std::string>{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"}));
}

TEST_F(Order, IsThatOfTheFileWhereNothingIsKnownOfGroups) {
  auto cells = sample_cells(4);
  cells[0].rank = 1;
  store_.insert(sample_experiment(), cells, false);

  const auto keys = dealt({"a"});

  EXPECT_EQ(order_, (std::vector<std::string>{"k1", "k2", "k3", "k0"}));
}

TEST_F(Order, IsThatOfTheLatestRun) {
  auto cells = sample_cells(3);
  store_.insert(sample_experiment(), cells, false);
  cells[2].rank = -1;
  cells[1].groups = {5, 6};
  store_.insert(sample_experiment(), cells, false);

  EXPECT_EQ(store_.claim("demo", "a", long_lease)->key, "k2");
  EXPECT_EQ(store_.claim("demo", "b", long_lease)->key, "k0");
  EXPECT_EQ(store_.claim("demo", "a", long_lease)->key, "k1");
  EXPECT_FALSE(store_.claim("demo", "a", long_lease));
}

std::vector<NewCell> slice_of(std::size_t count, std::size_t first, std::size_t last) {
  auto cells = sample_cells(count);
  for (std::size_t i = 0; i < count; ++i) cells[i].asked = i >= first && i < last;
  return cells;
}

class Runs : public Order {
 protected:
  static ExperimentRecord of_run(const std::string& run) {
    auto experiment = sample_experiment();
    experiment.run = run;
    return experiment;
  }
};

// A living process that is not this one, as another run is.
const std::string other_run = worker_name(1);

TEST_F(Runs, BesideEachOtherHaveBothTheirSlicesComputed) {
  store_.insert(of_run(other_run), slice_of(4, 0, 2), true);
  // It has claimed nothing yet.
  store_.insert(of_run(this_worker_name()), slice_of(4, 2, 4), true);

  EXPECT_EQ(store_.counts_asked("demo").waiting, 4);
  EXPECT_EQ(store_.counts("demo").not_asked, 0);
  dealt({"a"});
  EXPECT_EQ(store_.counts("demo").done, 4);
}

TEST_F(Runs, KeepWhatAnEarlierStateOfTheFileAskedFor) {
  store_.insert(of_run(other_run), sample_cells(3), true);
  auto changed = sample_cells(4);
  changed.erase(changed.begin(), changed.begin() + 2);
  store_.insert(of_run(this_worker_name()), changed, true);

  dealt({"a"});
  EXPECT_EQ(order_.size(), 4U);
}

TEST_F(Runs, ThatAreOverAskForNothing) {
  store_.insert(of_run(other_run), slice_of(4, 0, 2), true);
  store_.end_run(other_run);
  store_.insert(of_run(this_worker_name()), slice_of(4, 2, 4), true);

  EXPECT_EQ(store_.counts_asked("demo").waiting, 2);
  EXPECT_EQ(store_.counts("demo").not_asked, 2);
}

TEST_F(Runs, WhoseProcessIsGoneAskForNothing) {
  store_.insert(of_run(worker_name(1 << 30)), slice_of(4, 0, 2), true);
  store_.insert(of_run("another-host:1:1"), slice_of(4, 0, 2), true);
  store_.insert(of_run(this_worker_name()), slice_of(4, 2, 4), true);

  EXPECT_EQ(store_.counts_asked("demo").waiting, 2);
}

TEST_F(Runs, AreNotInTheirOwnWay) {
  store_.insert(of_run(this_worker_name()), slice_of(4, 0, 2), true);
  store_.insert(of_run(this_worker_name()), slice_of(4, 2, 4), true);

  EXPECT_EQ(store_.counts_asked("demo").waiting, 2);
}

}  // namespace
}  // namespace espalier::store
