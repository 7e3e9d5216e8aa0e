// One schedule of the lease protocol, drawn from a seed: drivers, workers of two hosts with clocks of their own, and a disk,
// one step at a time, with kills, pauses, jumps of clocks and full disks in between. What is under test is the real store;
// drivers and workers do the store calls of core/runner/run.cpp and core/worker/cells.cpp in the same order.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "memory_disk.h"
#include "store/result_store.h"
#include "support/temp_dir.h"

struct sqlite3;
struct sqlite3_stmt;

namespace espalier::store {

// How often what happened, over all schedules: a simulation in which nothing goes wrong proves nothing.
struct Tally {
  std::int64_t calls = 0, cells = 0, attempts = 0;
  std::int64_t killed_in_a_statement = 0, killed_in_a_write = 0, killed_after_a_commit = 0, killed_between_calls = 0;
  std::int64_t drivers_killed = 0, drivers_stopped = 0, pauses = 0, clock_jumps = 0;
  std::int64_t writes_on_a_full_disk = 0, refused_late_writers = 0, taken_over_leases = 0;
};

enum class Lie { None, EveryoneIsGone, FinishesTwice };  // of the simulation to the store, or of what it did

class LeaseWorld {
 public:
  LeaseWorld();
  ~LeaseWorld();
  LeaseWorld(const LeaseWorld&) = delete;
  LeaseWorld& operator=(const LeaseWorld&) = delete;

  // Empty, or what was lost, doubled or stuck, and what led to it if `is_traced`.
  std::string schedule(std::uint64_t seed, bool is_traced = false, Lie lie = Lie::None);
  const Tally& tally() const { return tally_; }

 private:
  static constexpr int most_workers = 4, most_drivers = 2;
  static constexpr double lease_seconds = 100;

  struct Connection {
    std::unique_ptr<ResultStore> store;
    sqlite3* handle = nullptr;
    int host = 0;
  };
  enum class Phase { Absent, Starting, Computing, Ended };
  struct Worker {
    Phase phase = Phase::Absent;
    std::string name;
    int driver = -1;  // none: started by hand on the other host
    bool is_paused = false, is_asked_to_stop = false;
    int ending = 0;  // exit code, or minus a signal
    int steps_left = 0;
    std::optional<Claim> claim;
    std::optional<double> lease_until;  // as far as it knows
  };
  struct Driver {
    Phase phase = Phase::Absent;  // Starting: to insert its cells; Computing: watches
    bool is_content = false;      // it ended because all was done
  };
  struct Killed {};

  // Does a store call for an actor, with what is to go wrong in it. False: the store threw, as on a full disk.
  template <typename Call>
  bool call(Connection& connection, const Call& call);
  void plan_kill();

  void draw_world(std::uint64_t seed, Lie lie);
  void chaos_step();
  void quiet_step(int step);
  void trouble();
  void step_worker(std::size_t place);
  void worker_claims(std::size_t place);
  void worker_computes(std::size_t place);
  void worker_finishes(std::size_t place);
  void worker_took(std::size_t place, std::optional<Claim> claim);
  void worker_gives_back(std::size_t place);
  void end_worker(std::size_t place, int ending);
  void step_driver(std::size_t place);
  void driver_begins(std::size_t place);
  void driver_watches(std::size_t place);
  bool driver_collects(std::size_t place);
  void driver_stops(std::size_t place);
  void driver_goes(std::size_t place, bool is_content);
  bool start_worker(int driver, int host);
  std::size_t workers_of(std::size_t driver) const;

  Whereabouts whereabouts(const std::string& name, int from) const;
  double clock(int host) const { return now_ + offsets_[static_cast<std::size_t>(host)]; }
  bool chance(double share) { return std::uniform_real_distribution<double>(0, 1)(random_) < share; }
  int below(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  Attempt attempt(bool fails);
  void say(const std::string& what);
  void wrong(const std::string& what);
  void check_database(bool at_the_end);
  void check_ledger();
  sqlite3_stmt* prepared(sqlite3* handle, const char* sql);

  test::TempDir folder_;
  MemoryDisk disk_;
  std::vector<Connection> workers_at_store_;
  std::vector<Connection> drivers_at_store_;
  std::map<const char*, sqlite3_stmt*> statements_;

  std::mt19937_64 random_;
  double now_ = 0, offsets_[2] = {0, 0};
  std::vector<Worker> workers_;
  std::vector<Driver> drivers_;
  std::vector<NewCell> cells_;
  int worker_limit_ = 0, started_ = 0;
  double kills_ = 0, pauses_ = 0, jumps_ = 0, full_ = 0;
  bool has_other_host_ = false, is_quiet_ = false, is_disk_full_ = false, is_to_be_killed_ = false;
  Lie lie_ = Lie::None;
  std::int64_t tokens_ = 0;
  // By key: what finish() said it kept, and what it may have kept when its caller was killed.
  std::map<std::string, std::vector<std::string>> kept_;
  std::map<std::string, std::set<std::string>> written_;
  bool is_traced_ = false;
  std::vector<std::string> trace_;
  std::string fault_;
  Tally tally_;
};

}  // namespace espalier::store
