#include "lease_world.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "sample_cells.h"

namespace espalier::store {
namespace {

constexpr int killed = -9, stopped = 130, store_trouble = 4;
constexpr const char* experiment = "demo";

// The connection that was opened last: SQLite tells of each.
sqlite3* last_opened = nullptr;
int remember_opened(sqlite3* handle, const char**, const sqlite3_api_routines*) {
  last_opened = handle;
  return SQLITE_OK;
}

// Counts down the steps of SQLite's virtual machine until the process is killed. The way back, a rollback, is not disturbed:
// it stands for what the next process finds.
int count_down(void* left) { return --*static_cast<std::int64_t*>(left) == 0 ? 1 : 0; }

// From 1 to 10^digits, short ones as often as long ones.
std::int64_t any_length(std::mt19937_64& random, double digits) {
  return static_cast<std::int64_t>(std::pow(10, std::uniform_real_distribution<double>(0, digits)(random)));
}

void run_sql(sqlite3* handle, const char* sql) {
  if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    throw std::runtime_error(sqlite3_errmsg(handle));
}

}  // namespace

LeaseWorld::LeaseWorld() {
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(remember_opened));
  const auto file = folder_.path() / "results.db";
  folder_.write("results.db", "");  // the store looks whether there is one; what is in it lies in memory
  const auto open = [&](int host) {
    Connection connection;
    connection.host = host;
    connection.store = std::make_unique<ResultStore>(
        file, Mode::Create,
        Surroundings{[this, host] { return clock(host); },
                     [this, host](const std::string& name) { return whereabouts(name, host); }});
    connection.handle = last_opened;
    return connection;
  };
  for (int i = 0; i < most_drivers; ++i) drivers_at_store_.push_back(open(0));
  // The last place is that of a worker on the other host.
  for (int i = 0; i < most_workers; ++i) workers_at_store_.push_back(open(i == most_workers - 1 ? 1 : 0));
  run_sql(drivers_at_store_[0].handle, "PRAGMA wal_checkpoint(TRUNCATE)");
  disk_.remember();
}

LeaseWorld::~LeaseWorld() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  drivers_at_store_.clear();
  workers_at_store_.clear();
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(remember_opened));
}

std::string LeaseWorld::schedule(std::uint64_t seed, bool is_traced, Lie lie) {
  is_traced_ = is_traced;
  draw_world(seed, lie);
  const int chaos_steps = 10 + below(30);
  for (int step = 0; step < chaos_steps && fault_.empty(); ++step) {
    chaos_step();
    if (chance(0.05)) check_database(/*at_the_end=*/false);
  }
  is_quiet_ = true;
  is_disk_full_ = false;
  disk_.writes_succeed();
  for (auto& worker : workers_) worker.is_paused = false;
  const auto all_done = [&] {
    return std::any_of(drivers_.begin(), drivers_.end(), [](const Driver& driver) { return driver.is_content; });
  };
  for (auto& driver : drivers_) driver.is_content = false;
  constexpr int patience_steps = 300;
  for (int step = 0; step < patience_steps && fault_.empty() && !all_done(); ++step) quiet_step(step);
  if (fault_.empty() && !all_done()) wrong("stuck: cells are neither done nor claimed by anyone who works");
  if (fault_.empty()) check_database(/*at_the_end=*/true);
  if (fault_.empty()) check_ledger();
  tally_.cells += static_cast<std::int64_t>(cells_.size());
  if (fault_.empty()) return "";
  std::string told = fmt::format("seed {}: {}", seed, fault_);
  for (const auto& line : trace_) told += "\n    " + line;
  return told;
}

void LeaseWorld::draw_world(std::uint64_t seed, Lie lie) {
  random_.seed(seed);
  lie_ = lie;
  disk_.writes_succeed();
  disk_.restore();
  now_ = 1e6;
  offsets_[0] = 0;
  offsets_[1] = chance(0.3) ? below(2000) - 1000 : 0;
  workers_.assign(most_workers, {});
  drivers_.assign(most_drivers, {});
  cells_ = test::sample_cells(static_cast<std::size_t>(1 + below(3)));
  has_other_host_ = chance(0.5);
  worker_limit_ = 1 + below(most_workers - 1);
  started_ = 0;
  const auto intensity = [&](double most) { return chance(0.4) ? 0 : most * static_cast<double>(below(100)) / 100; };
  kills_ = intensity(0.2);
  pauses_ = intensity(0.15);
  jumps_ = intensity(0.1);
  full_ = intensity(0.1);
  is_quiet_ = is_disk_full_ = is_to_be_killed_ = false;
  tokens_ = 0;
  kept_.clear();
  written_.clear();
  trace_.clear();
  fault_.clear();
}

void LeaseWorld::say(const std::string& what) {
  if (is_traced_) trace_.push_back(fmt::format("{:.0f} s: {}", now_ - 1e6, what));
}

void LeaseWorld::wrong(const std::string& what) {
  say("WRONG: " + what);
  if (fault_.empty()) fault_ = what;
}

Whereabouts LeaseWorld::whereabouts(const std::string& name, int from) const {
  if (lie_ == Lie::EveryoneIsGone) return Whereabouts::Gone;
  const auto place = static_cast<std::size_t>(name.at(0) - 'a');
  if (workers_at_store_[place].host != from) return Whereabouts::Elsewhere;
  const auto& worker = workers_[place];
  const bool lives = worker.name == name && worker.phase != Phase::Absent && worker.phase != Phase::Ended;
  return lives ? Whereabouts::Alive : Whereabouts::Gone;
}

// --- calls of the store, and what goes wrong in them

template <typename Call>
bool LeaseWorld::call(Connection& connection, const Call& call) {
  ++tally_.calls;
  now_ += static_cast<double>(below(30)) / 10;
  const bool dies = std::exchange(is_to_be_killed_, false);
  const int way = dies ? below(3) : 3;
  auto steps = any_length(random_, 3.5);
  const auto writes = any_length(random_, 1.5) - 1;
  if (way == 0) sqlite3_progress_handler(connection.handle, 1, count_down, &steps);
  if (way == 1) disk_.fail_after(writes, MemoryDisk::Fault::Cut);
  bool returned = false;
  try {
    call();
    returned = true;
  } catch (const Error& error) {
    if (!dies && !is_disk_full_) wrong(std::string("a call failed for no reason: ") + error.what());
    if (!dies) ++tally_.writes_on_a_full_disk;
    say(dies ? "  killed in it" : "  the disk is full");
  }
  if (way == 0) sqlite3_progress_handler(connection.handle, 0, nullptr, nullptr);
  // A BEGIN that was done already when it was interrupted says that it failed.
  if (way == 0 && sqlite3_get_autocommit(connection.handle) == 0) run_sql(connection.handle, "ROLLBACK");
  if (way == 1) {
    disk_.writes_succeed();
    if (is_disk_full_) disk_.fail_after(0, MemoryDisk::Fault::Full);
  }
  // A call that failed leaves nothing locked, or nobody else could write.
  if (disk_.has_open_transaction()) wrong("a transaction is left open");
  if (!dies) return returned;
  ++(returned ? tally_.killed_after_a_commit : way == 0 ? tally_.killed_in_a_statement : tally_.killed_in_a_write);
  throw Killed();
}

Attempt LeaseWorld::attempt(bool fails) {
  Attempt attempt;
  attempt.outcome = fails ? Outcome::Failed : Outcome::Done;
  attempt.message = fmt::format("token {}", ++tokens_);
  attempt.seconds = 1;
  Point point;
  point.kind = "pruned";
  point.split = "test";
  point.metrics = {{"accuracy", static_cast<double>(tokens_)}};
  if (!fails) attempt.points = {std::move(point)};
  return attempt;
}

// --- workers

bool LeaseWorld::start_worker(int driver, int host) {
  for (std::size_t place = 0; place < workers_.size(); ++place) {
    auto& worker = workers_[place];
    if (worker.phase != Phase::Absent || workers_at_store_[place].host != host) continue;
    worker = {};
    worker.phase = Phase::Starting;
    worker.driver = driver;
    worker.name = fmt::format("{}:{}", static_cast<char>('a' + place), ++started_);
    say("worker " + worker.name + " starts");
    return true;
  }
  return false;
}

void LeaseWorld::end_worker(std::size_t place, int ending) {
  auto& worker = workers_[place];
  say(fmt::format("worker {} ends with {}", worker.name, ending));
  worker.claim.reset();
  worker.ending = ending;
  // Whom nobody waits for is gone at once; a driver collects its own.
  worker.phase = worker.driver < 0 ? Phase::Absent : Phase::Ended;
}

void LeaseWorld::step_worker(std::size_t place) {
  auto& worker = workers_[place];
  if (worker.is_paused) return;
  try {
    if (worker.phase == Phase::Starting)
      worker_claims(place);
    else if (worker.phase == Phase::Computing)
      worker_computes(place);
  } catch (const Killed&) {
    end_worker(place, killed);
  }
}

void LeaseWorld::worker_claims(std::size_t place) {
  auto& worker = workers_[place];
  if (worker.is_asked_to_stop) return end_worker(place, stopped);
  auto& connection = workers_at_store_[place];
  std::optional<Claim> claim;
  say("worker " + worker.name + " claims");
  if (!call(connection, [&] { claim = connection.store->claim(experiment, worker.name, lease_seconds); }))
    return end_worker(place, store_trouble);
  worker_took(place, std::move(claim));
}

void LeaseWorld::worker_took(std::size_t place, std::optional<Claim> claim) {
  auto& worker = workers_[place];
  if (!claim) return end_worker(place, 0);
  ++tally_.attempts;
  const int host = workers_at_store_[place].host;
  for (std::size_t other = 0; other < workers_.size(); ++other) {
    const auto& holder = workers_[other];
    if (other == place || holder.phase != Phase::Computing || !holder.claim || holder.claim->key != claim->key)
      continue;
    // On the other host nothing is known of it but its lease, by another clock.
    if (workers_at_store_[other].host == host && !has_other_host_)
      wrong(fmt::format("cell {} is given to {} while {} of the same host computes it", claim->key, worker.name,
                        holder.name));
    ++tally_.taken_over_leases;
  }
  say(fmt::format("  worker {} has {} for the {}. time", worker.name, claim->key, claim->attempt));
  worker.claim = std::move(claim);
  worker.phase = Phase::Computing;
  worker.steps_left = below(4);
}

void LeaseWorld::worker_gives_back(std::size_t place) {
  auto& worker = workers_[place];
  auto& connection = workers_at_store_[place];
  say("worker " + worker.name + " gives back " + worker.claim->key);
  const bool is_released = call(connection, [&] { connection.store->release(*worker.claim); });
  end_worker(place, is_released ? stopped : store_trouble);
}

void LeaseWorld::worker_computes(std::size_t place) {
  auto& worker = workers_[place];
  auto& connection = workers_at_store_[place];
  if (worker.is_asked_to_stop) return worker_gives_back(place);
  if (worker.steps_left-- > 0) {
    say("worker " + worker.name + " renews " + worker.claim->key);
    call(connection, [&] { connection.store->renew(*worker.claim, lease_seconds); });
    return;
  }
  if (!is_quiet_ && chance(kills_ / 4)) {
    say("the child of worker " + worker.name + " dies");
    if (!call(connection, [&] { connection.store->worker_died(worker.name, "the child died"); }))
      return end_worker(place, store_trouble);
    worker.claim.reset();
    worker.phase = Phase::Starting;
    return;
  }
  worker_finishes(place);
}

void LeaseWorld::worker_finishes(std::size_t place) {
  auto& worker = workers_[place];
  auto& connection = workers_at_store_[place];
  const bool fails = !is_quiet_ && chance(0.05), goes_on = chance(0.9);
  const auto claim = *worker.claim;
  const auto record = attempt(fails);
  if (!fails) written_[claim.key].insert(record.message);
  Finished finished;
  say(fmt::format("worker {} finishes {} with {}", worker.name, claim.key, record.message));
  const bool is_written = call(connection, [&] {
    if (goes_on)
      finished = connection.store->finish_and_claim(claim, record, experiment, lease_seconds);
    else
      finished.kept = connection.store->finish(claim, record);
    if (lie_ == Lie::FinishesTwice && !finished.kept && !fails) finished.kept = true;
  });
  if (!is_written) return end_worker(place, store_trouble);
  if (finished.kept && !fails) kept_[claim.key].push_back(record.message);
  if (!finished.kept) ++tally_.refused_late_writers;
  say(finished.kept ? "  kept" : "  refused");
  worker.claim.reset();
  worker.phase = Phase::Starting;
  if (goes_on) return worker_took(place, std::move(finished.next));
  if (!chance(0.5)) end_worker(place, 0);
}

// --- drivers

std::size_t LeaseWorld::workers_of(std::size_t driver) const {
  return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(), [&](const Worker& worker) {
    return worker.phase != Phase::Absent && worker.driver == static_cast<int>(driver);
  }));
}

void LeaseWorld::step_driver(std::size_t place) {
  auto& driver = drivers_[place];
  try {
    if (driver.phase == Phase::Starting)
      driver_begins(place);
    else if (driver.phase == Phase::Computing)
      driver_watches(place);
  } catch (const Killed&) {
    say(fmt::format("driver {} is killed", place));
    ++tally_.drivers_killed;
    driver_goes(place, false);
  }
}

// Its workers get a TERM when it dies, and nobody waits for them any more.
void LeaseWorld::driver_goes(std::size_t place, bool is_content) {
  drivers_[place] = {};
  drivers_[place].is_content = is_content;
  for (auto& worker : workers_) {
    if (worker.driver != static_cast<int>(place)) continue;
    worker.driver = -1;
    worker.is_asked_to_stop = true;
    if (worker.phase == Phase::Ended) worker.phase = Phase::Absent;
  }
}

void LeaseWorld::driver_begins(std::size_t place) {
  auto& connection = drivers_at_store_[place];
  auto& store = *connection.store;
  say(fmt::format("driver {} begins", place));
  const bool is_ready = call(connection, [&] { store.release_dead_workers(); }) &&
                        call(connection, [&] { store.insert(test::sample_experiment(), cells_, true); });
  if (!is_ready) return driver_goes(place, false);
  drivers_[place].phase = Phase::Computing;
}

// False: a worker could not go on with the database, and so the driver does not either.
bool LeaseWorld::driver_collects(std::size_t place) {
  auto& connection = drivers_at_store_[place];
  for (auto& worker : workers_) {
    if (worker.phase != Phase::Ended || worker.driver != static_cast<int>(place)) continue;
    const auto ended = std::exchange(worker, {});
    say(fmt::format("driver {} sees that {} has ended", place, ended.name));
    std::vector<std::string> keys;
    if (!call(connection, [&] { keys = connection.store->worker_died(ended.name, "the worker ended"); })) return false;
    const bool is_well = (ended.ending == 0 || ended.ending == stopped) && keys.empty();
    if (!is_well && ended.ending == store_trouble) return false;
  }
  return true;
}

void LeaseWorld::driver_watches(std::size_t place) {
  auto& connection = drivers_at_store_[place];
  if (!driver_collects(place)) return driver_goes(place, false);
  Counts counts;
  if (!call(connection, [&] { counts = connection.store->counts_asked(experiment); })) return driver_goes(place, false);
  if (counts.waiting == 0 && workers_of(place) == 0) {
    if (counts.running == 0) {
      say(fmt::format("driver {} has nothing more to do", place));
      // What failed in the storm is tried again by the user.
      return driver_goes(place, is_quiet_ && counts.failed == 0);
    }
    if (!call(connection, [&] { connection.store->release_dead_workers(); })) return driver_goes(place, false);
    start_worker(static_cast<int>(place), 0);
  }
  const auto wanted = std::min<std::int64_t>(worker_limit_, counts.waiting + counts.running);
  while (counts.waiting > 0 && static_cast<std::int64_t>(workers_of(place)) < wanted) {
    if (!start_worker(static_cast<int>(place), 0)) break;
  }
}

// Ctrl-C: workers have a while to give their cells back; those that sleep on are killed.
void LeaseWorld::driver_stops(std::size_t place) {
  auto& connection = drivers_at_store_[place];
  ++tally_.drivers_stopped;
  say(fmt::format("driver {} is interrupted", place));
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto& worker = workers_[i];
    if (worker.driver != static_cast<int>(place) || worker.phase == Phase::Absent) continue;
    worker.is_asked_to_stop = true;
    step_worker(i);
    if (worker.phase != Phase::Absent && worker.phase != Phase::Ended) end_worker(i, killed);
    worker = {};
  }
  try {
    call(connection, [&] { connection.store->release_dead_workers(); });
  } catch (const Killed&) {
  }
  driver_goes(place, false);
}

// --- what happens when

void LeaseWorld::trouble() {
  const auto victim = static_cast<std::size_t>(below(most_workers));
  auto& worker = workers_[victim];
  const bool lives = worker.phase == Phase::Starting || worker.phase == Phase::Computing;
  if (lives && chance(kills_ / 2)) {
    ++tally_.killed_between_calls;
    say("worker " + worker.name + " is killed");
    end_worker(victim, killed);
  }
  if (lives && chance(pauses_)) {
    ++tally_.pauses;
    say("worker " + worker.name + (worker.is_paused ? " wakes" : " sleeps"));
    worker.is_paused = !worker.is_paused;
    if (chance(0.5)) now_ += below(300);
  }
  if (chance(jumps_)) {
    ++tally_.clock_jumps;
    const auto host = below(2);
    const double far = chance(0.3) ? 1e7 : 300;
    offsets_[host] += std::round(std::uniform_real_distribution<double>(-far, far)(random_));
    say(fmt::format("the clock of host {} jumps, and is off by {:.0f} s", host, offsets_[host]));
  }
  if (is_disk_full_ ? chance(0.3) : chance(full_)) {
    is_disk_full_ = !is_disk_full_;
    say(is_disk_full_ ? "the disk fills up" : "the disk has space again");
    if (is_disk_full_)
      disk_.fail_after(any_length(random_, 1.5) - 1, MemoryDisk::Fault::Full);
    else
      disk_.writes_succeed();
  }
  const auto place = static_cast<std::size_t>(below(most_drivers));
  auto& driver = drivers_[place];
  if (driver.phase == Phase::Computing && chance(kills_ / 8)) {
    ++tally_.drivers_killed;
    say(fmt::format("driver {} is killed", place));
    driver_goes(place, false);
  } else if (driver.phase == Phase::Computing && chance(kills_ / 8)) {
    driver_stops(place);
  }
}

void LeaseWorld::chaos_step() {
  now_ += static_cast<double>(below(200)) / 10;
  trouble();
  is_to_be_killed_ = chance(kills_);
  const int actor = below(most_workers + most_drivers + 2);
  if (actor < most_workers) {
    auto& worker = workers_[static_cast<std::size_t>(actor)];
    if (workers_at_store_[static_cast<std::size_t>(actor)].host == 1 && worker.phase == Phase::Absent &&
        chance(has_other_host_ ? 0.2 : 0))
      start_worker(-1, 1);
    else
      step_worker(static_cast<std::size_t>(actor));
  } else {
    // A second driver, the same command in another terminal, comes seldom.
    const auto place = static_cast<std::size_t>(actor >= most_workers + most_drivers ? 0 : actor - most_workers);
    auto& driver = drivers_[place];
    if (driver.phase == Phase::Absent && chance(place == 0 ? 0.8 : 0.1)) driver.phase = Phase::Starting;
    step_driver(place);
  }
  is_to_be_killed_ = false;
}

void LeaseWorld::quiet_step(int step) {
  // Who is still waited for after a while is so until a lease ends.
  now_ += lease_seconds / (step < 40 ? 4 : 0.5);
  const bool someone_drives =
      std::any_of(drivers_.begin(), drivers_.end(), [](const Driver& driver) { return driver.phase != Phase::Absent; });
  if (!someone_drives) drivers_[0].phase = Phase::Starting;
  for (std::size_t place = 0; place < drivers_.size(); ++place) step_driver(place);
  for (std::size_t place = 0; place < workers_.size(); ++place) step_worker(place);
}

// --- what must hold

sqlite3_stmt* LeaseWorld::prepared(sqlite3* handle, const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr && sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr) != SQLITE_OK)
    throw std::runtime_error(sqlite3_errmsg(handle));
  return statement;
}

void LeaseWorld::check_database(bool at_the_end) {
  static constexpr const char* sql = R"sql(
SELECT key || ': ' || CASE
    WHEN running > 1 THEN 'two attempts run at once'
    WHEN (state = 'running') <> (running = 1) THEN 'its state is ' || state || ' and ' || running || ' attempts run'
    WHEN copied <> state THEN 'its state is ' || state || ', and its copy ' || copied
    WHEN done > 1 THEN 'done twice'
    WHEN (state = 'done') <> (done = 1) THEN 'its state is ' || state || ' and ' || done || ' attempts are done'
    WHEN state = 'done' AND points <> 1 THEN 'done with ' || points || ' points'
    WHEN tried <> attempts THEN 'it has ' || tried || ' attempts and counts ' || attempts
    WHEN state = 'failed' AND lost < 2 AND failed = 0 THEN 'failed after ' || lost || ' deaths'
    WHEN ?1 AND state <> 'done' THEN 'its state is ' || state || ' at the end' END AS fault
FROM (SELECT cell.key, cell.state, cell.attempts, cell.lost, joined.state AS copied,
             (SELECT count(*) FROM attempt WHERE cell_id = cell.id) AS tried,
             (SELECT count(*) FROM attempt WHERE cell_id = cell.id AND outcome = 'running') AS running,
             (SELECT count(*) FROM attempt WHERE cell_id = cell.id AND outcome = 'failed') AS failed,
             (SELECT count(*) FROM attempt WHERE cell_id = cell.id AND outcome = 'done') AS done,
             (SELECT count(*) FROM attempt JOIN point ON point.attempt_id = attempt.id JOIN metric ON metric.point_id = point.id
              WHERE attempt.cell_id = cell.id AND attempt.id = cell.attempt_id AND point.id = cell.point_id
                AND attempt.outcome = 'done' AND attempt.message = cell.message
                AND attempt.message = 'token ' || CAST(metric.value AS INTEGER)) AS points
      FROM cell JOIN experiment_cell AS joined ON joined.cell_id = cell.id)
WHERE fault IS NOT NULL)sql";
  auto* handle = drivers_at_store_[0].handle;
  auto* statement = prepared(handle, sql);
  sqlite3_bind_int(statement, 1, at_the_end ? 1 : 0);
  while (sqlite3_step(statement) == SQLITE_ROW)
    wrong(std::string("cell ") + reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
  if (sqlite3_reset(statement) != SQLITE_OK)
    wrong(std::string("the database cannot be read: ") + sqlite3_errmsg(handle));
}

// What a worker was told is kept stays kept, and nothing else is there.
void LeaseWorld::check_ledger() {
  auto* handle = drivers_at_store_[0].handle;
  sqlite3_stmt* statement = prepared(handle, "SELECT message FROM cell WHERE key = ?");
  for (const auto& cell : cells_) {
    sqlite3_bind_text(statement, 1, cell.key.c_str(), -1, SQLITE_TRANSIENT);
    std::string message;
    if (sqlite3_step(statement) == SQLITE_ROW)
      message = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_reset(statement);
    const auto& kept = kept_[cell.key];
    if (kept.size() > 1) wrong(fmt::format("cell {}: {} finished attempts were kept", cell.key, kept.size()));
    if (kept.size() == 1 && kept[0] != message)
      wrong(fmt::format("cell {}: {} was kept, and {} is there", cell.key, kept[0], message));
    if (written_[cell.key].count(message) == 0)
      wrong(fmt::format("cell {}: {} is there, which nobody wrote", cell.key, message));
  }
}

}  // namespace espalier::store
