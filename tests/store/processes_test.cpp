// What several processes do to one database at once, and what is left when one of them is killed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <set>
#include <thread>

#include "sample_cells.h"
#include "store/worker_name.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

using test::done_attempt;
using test::long_lease;
using test::sample_cells;
using test::sample_experiment;

// Runs in a child process; anything thrown there is its exit status.
template <typename Call>
pid_t start(const Call& call) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int status = 0;
  try {
    call();
  } catch (...) {
    status = 1;
  }
  ::_exit(status);
}

int status_of(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

void work_until_nothing_is_left(const std::filesystem::path& file) {
  ResultStore store(file, Mode::ReadWrite);
  const auto name = this_worker_name();
  while (const auto claim = store.claim("demo", name, long_lease)) {
    if (!store.finish(*claim, done_attempt(0.8))) throw std::runtime_error("a claim was lost");
  }
}

TEST(Processes, ClaimEachCellExactlyOnce) {
  constexpr std::size_t cell_count = 200, process_count = 4;
  const test::TempDir folder;
  const auto file = folder / "results.db";
  { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(cell_count), false); }

  std::vector<pid_t> children;
  for (std::size_t i = 0; i < process_count; ++i) children.push_back(start([&] { work_until_nothing_is_left(file); }));
  for (const auto child : children) EXPECT_EQ(status_of(child), 0);

  const ResultStore store(file, Mode::ReadOnly);
  EXPECT_EQ(store.counts("demo").done, static_cast<std::int64_t>(cell_count));
  const auto cells = store.cells("demo");
  std::set<std::string> distinct;
  for (const auto& row : cells.rows) {
    for (std::size_t i = 0; i < cells.columns.size(); ++i) {
      if (cells.columns[i] == "attempts") {
        EXPECT_EQ(row[i].integer, 1);
      }
      if (cells.columns[i] == "key") distinct.insert(row[i].text);
    }
  }
  EXPECT_EQ(distinct.size(), cell_count);
  EXPECT_EQ(store.points("demo").rows.size(), 2 * cell_count);
}

TEST(Processes, MakeOneDatabaseTogether) {
  const test::TempDir folder;
  const auto file = folder / "new" / "results.db";

  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(
        start([&] { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(10), false); }));
  }

  for (const auto child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(ResultStore(file, Mode::ReadOnly).counts("demo").cells, 10);
}

TEST(Processes, KilledWhileWritingLeaveWhatWasRecorded) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  { ResultStore(file, Mode::Create).insert(sample_experiment(), sample_cells(2000), false); }

  for (int round = 0; round < 3; ++round) {
    const pid_t child = start([&] { work_until_nothing_is_left(file); });
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    ::kill(child, SIGKILL);
    status_of(child);

    ResultStore store(file, Mode::ReadWrite);
    store.release_dead_workers();
    const auto counts = store.counts("demo");
    EXPECT_EQ(counts.running, 0);
    EXPECT_EQ(counts.done + counts.waiting, 2000);
    // Nothing is half there: every done cell has both its points.
    EXPECT_EQ(static_cast<std::int64_t>(store.points("demo").rows.size()), 2 * counts.done);
    EXPECT_TRUE(store.claim("demo", "next:1:1", long_lease));
    store.worker_died("next:1:1", "test", 100);
  }
}

TEST(Processes, InsertAHundredThousandCellsInReasonableTime) {
  const test::TempDir folder;
  ResultStore store(folder / "results.db", Mode::Create);
  const auto cells = sample_cells(100000);
  const auto begun = std::chrono::steady_clock::now();

  EXPECT_EQ(store.insert(sample_experiment(), cells, false).added, 100000);
  const auto inserted = std::chrono::steady_clock::now();
  EXPECT_TRUE(store.claim("demo", "a", long_lease));
  const auto claimed = std::chrono::steady_clock::now();

  const auto milliseconds = [](auto from, auto to) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
  };
  std::cout << "100000 cells inserted in " << milliseconds(begun, inserted) << " ms, the first claimed in "
            << milliseconds(inserted, claimed) << " ms\n";
}

}  // namespace
}  // namespace espalier::store
