// Proof by many schedules: kills in any statement, in any write and after any commit, pauses past the lease, clocks that jump,
// full disks and late writers; nothing is lost, and nothing counts twice. One seed is one schedule. SQLite's transactions are
// taken to be whole or not at all; that they are is shown with real processes by ctest -L torture.
//   ESPALIER_SCHEDULES=1000000        how many, in place of 20,000
//   ESPALIER_FIRST_SCHEDULE=1         the first seed; with ESPALIER_SCHEDULES=1 that one alone, told step by step
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "lease_world.h"

namespace espalier::store {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(LeaseSimulation, LosesAndDoublesNothing) {
  const auto first = number_from("ESPALIER_FIRST_SCHEDULE", 1), count = number_from("ESPALIER_SCHEDULES", 20'000);
  const auto begun = std::chrono::steady_clock::now();
  Tally tally;
  std::string fault;
  std::uint64_t seed = first;
  {
    LeaseWorld world;
    for (; seed < first + count && fault.empty(); ++seed) fault = world.schedule(seed);
    tally = world.tally();
  }
  if (!fault.empty()) fault += "\nin a world of its own: " + LeaseWorld().schedule(seed - 1, /*is_traced=*/true);
  EXPECT_EQ(fault, "") << "replay it with ESPALIER_SCHEDULES=1 ESPALIER_FIRST_SCHEDULE=" << seed - 1;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  std::cout << "seeds " << first << " to " << first + count - 1 << " in " << seconds.count() << " s: " << tally.cells
            << " cells, " << tally.attempts << " attempts, " << tally.calls
            << " calls of the store\n    killed: " << tally.killed_in_a_statement << " in a statement, "
            << tally.killed_in_a_write << " in a write, " << tally.killed_after_a_commit << " after a commit, "
            << tally.killed_between_calls << " between calls; drivers: " << tally.drivers_killed << " killed, "
            << tally.drivers_stopped << " interrupted\n    " << tally.pauses << " pauses, " << tally.clock_jumps
            << " jumps of a clock, " << tally.writes_on_a_full_disk << " calls on a full disk, "
            << tally.taken_over_leases << " cells taken over from one who worked on, " << tally.refused_late_writers
            << " late writers refused\n";
  if (count < 1000) return;
  // Where nothing goes wrong, nothing is proven.
  for (const auto happened :
       {tally.killed_in_a_statement, tally.killed_in_a_write, tally.killed_after_a_commit, tally.killed_between_calls,
        tally.drivers_killed, tally.drivers_stopped, tally.pauses, tally.clock_jumps, tally.writes_on_a_full_disk,
        tally.refused_late_writers, tally.taken_over_leases}) {
    EXPECT_GT(happened, 0);
  }
}

// The judge must be able to condemn: a store that is told that everyone is gone takes cells from those who work.
TEST(LeaseSimulation, NoticesCellsThatAreTakenFromTheLiving) {
  LeaseWorld world;
  std::string fault;
  for (std::uint64_t seed = 1; seed < 2000 && fault.empty(); ++seed)
    fault = world.schedule(seed, true, Lie::EveryoneIsGone);
  EXPECT_NE(fault.find("of the same host computes it"), std::string::npos) << fault;
}

TEST(LeaseSimulation, NoticesAResultThatWasKeptTwice) {
  LeaseWorld world;
  std::string fault;
  for (std::uint64_t seed = 1; seed < 2000 && fault.empty(); ++seed)
    fault = world.schedule(seed, true, Lie::FinishesTwice);
  EXPECT_TRUE(fault.find("were kept") != std::string::npos || fault.find("was kept") != std::string::npos) << fault;
}

TEST(LeaseSimulation, TellsTheSameStoryForTheSameSeed) {
  std::string told;
  std::uint64_t seed = 0;
  {
    LeaseWorld world;
    while (told.empty() && seed < 2000) told = world.schedule(++seed, true, Lie::EveryoneIsGone);
  }
  const auto again = LeaseWorld().schedule(seed, true, Lie::EveryoneIsGone);
  EXPECT_NE(told, "");
  EXPECT_EQ(told, again);
}

}  // namespace
}  // namespace espalier::store
