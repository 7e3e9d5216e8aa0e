// Shares of a plan, and their way home.
#include "store/shards/shard.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "sample_cells.h"
#include "store/worker_name.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;
using test::done_attempt;
using test::message_of;
using test::sample_cells;
using test::sample_experiment;

class Shards : public testing::Test {
 protected:
  // What an experiment is to compute.
  fs::path plan(std::size_t cells, const std::string& file = "plan.db") const {
    ResultStore(folder_ / file, Mode::Create).insert(sample_experiment(), sample_cells(cells), true);
    return folder_ / file;
  }
  // A share of it, so many of whose cells are done.
  fs::path shard(const fs::path& plan, const Share& share, std::size_t done, double accuracy = 0.7) const {
    const auto file = folder_ / ("at-work-" + std::to_string(share.index) + "-" + std::to_string(accuracy) + ".db");
    take_share(plan, file, share);
    compute(file, done, accuracy);
    return file;
  }
  static void compute(const fs::path& file, std::size_t cells, double accuracy = 0.7) {
    ResultStore store(file, Mode::ReadWrite);
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const auto claim = store.claim("demo", this_worker_name(), 60);
      ASSERT_TRUE(claim);
      auto attempt = done_attempt(accuracy);
      attempt.points.back().example_numbers = {{"label", {0, 1, 2}}, {"predicted", {0, 2, 2}}};
      ASSERT_TRUE(store.finish(*claim, attempt));
    }
  }
  fs::path carried(const fs::path& shard) const {
    const auto home = folder_ / (shard.stem().string() + "-home.db");
    carry_home(shard, home);
    return home;
  }
  static std::set<std::string> keys_of(const fs::path& file) {
    std::set<std::string> keys;
    for (const auto& cell : ResultStore(file, Mode::ReadOnly).current_cells("demo")) keys.insert(cell.key);
    return keys;
  }
  static Counts counts(const fs::path& file) { return ResultStore(file, Mode::ReadOnly).counts("demo"); }
  std::string refused(const fs::path& shard) const {
    try {
      ShardMerge(folder_ / "home.db").add(shard);
    } catch (const StoreError& error) {
      return error.what();
    }
    return "";
  }
  static std::int64_t count(const fs::path& file, const std::string& from) {
    SQLite::Database database(file.string(), SQLite::OPEN_READONLY);
    return database.execAndGet("SELECT count(*) FROM " + from).getInt64();
  }

  const test::TempDir folder_;
  const fs::path home_ = folder_ / "home.db";
};

TEST_F(Shards, HoldEachCellOfAPlanOnce) {
  const auto file = plan(11);
  std::multiset<std::string> all;
  for (std::int64_t index = 1; index <= 4; ++index) {
    const auto share = shard(file, {index, 4}, 0);
    const auto keys = keys_of(share);
    EXPECT_GE(keys.size(), 2U);
    EXPECT_LE(keys.size(), 3U);
    all.insert(keys.begin(), keys.end());
  }
  EXPECT_EQ(all.size(), 11U);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()), keys_of(file));
}

TEST_F(Shards, KeepCellsOfOneBaseModelTogether) {
  const auto file = plan(12);
  {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    database.exec("UPDATE cell SET base_group = id % 3");
  }
  for (std::int64_t index = 1; index <= 3; ++index) {
    const auto share = shard(file, {index, 3}, 0);
    EXPECT_EQ(count(share, "cell"), 4);
    EXPECT_EQ(count(share, "(SELECT DISTINCT base_group FROM cell)"), 1);
  }
}

TEST_F(Shards, TakeOnlyWhatIsAskedFor) {
  auto cells = sample_cells(4);
  cells[1].asked = false;
  ResultStore(folder_ / "plan.db", Mode::Create).insert(sample_experiment(), cells, true);
  EXPECT_EQ(take_share(folder_ / "plan.db", folder_ / "one.db", {1, 1}), 3);
  EXPECT_EQ(keys_of(folder_ / "one.db"), (std::set<std::string>{"k0", "k2", "k3"}));
}

TEST_F(Shards, AreOfAPlanAndOfNoResults) {
  const auto file = plan(2);
  {
    ResultStore store(file, Mode::ReadWrite);
    store.finish(*store.claim("demo", "a", 60), done_attempt(0.5));
  }
  EXPECT_EQ(message_of<StoreError>([&] {
              take_share(file, folder_ / "one.db", {1, 1});
            }),
            file.string() +
                ": is no plan, its cells have been computed\n    plans are written by: espalier submit FILE --dry-run");
}

TEST_F(Shards, AreSmallerThanTheirNumberWhereThereAreFewCells) {
  EXPECT_EQ(take_share(plan(2), folder_ / "none.db", {3, 3}), 0);
  EXPECT_EQ(ResultStore(folder_ / "none.db", Mode::ReadOnly).counts("").cells, 0);
}

TEST_F(Shards, ComeHomeWithEverythingTheyHold) {
  const auto file = plan(5);
  ShardMerge merge(home_);
  const auto first = merge.add(carried(shard(file, {1, 2}, 3))), second = merge.add(carried(shard(file, {2, 2}, 1)));
  EXPECT_EQ(first.done, 3);
  EXPECT_EQ(second.done, 1);
  EXPECT_EQ(second.attempts, 1);
  const auto all = counts(home_);
  EXPECT_EQ(all.cells, 5);
  EXPECT_EQ(all.done, 4);
  EXPECT_EQ(all.waiting, 1);
  const auto cell = ResultStore(home_, Mode::ReadOnly).read("k0");
  ASSERT_EQ(cell.attempts.size(), 1U);
  EXPECT_EQ(cell.attempts[0].points.size(), 2U);
  EXPECT_EQ(cell.attempts[0].points[1].metrics.at("accuracy"), 0.7);
  EXPECT_EQ(cell.attempts[0].artifacts.size(), 1U);
  EXPECT_EQ(cell.attempts[0].plugins.size(), 1U);
  EXPECT_EQ(cell.attempts[0].environment, done_attempt(0.7).environment);
  EXPECT_EQ(ResultStore(home_, Mode::ReadOnly).points("demo").rows.size(), 8U);
  EXPECT_EQ(count(home_, "numbers"), 2);
  EXPECT_EQ(count(home_, "point_numbers"), 2 * count(home_, "cell WHERE state = 'done'"));
}

TEST_F(Shards, KeepTheirPlacesInTheExperiment) {
  const auto file = plan(4);
  ShardMerge merge(home_);
  for (const std::int64_t index : {2, 1}) merge.add(carried(shard(file, {index, 2}, 0)));
  std::vector<std::string> keys;
  for (const auto& cell : ResultStore(home_, Mode::ReadOnly).current_cells("demo")) keys.push_back(cell.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"k0", "k1", "k2", "k3"}));
}

TEST_F(Shards, ChangeNothingTheSecondTime) {
  const auto home = carried(shard(plan(3), {1, 1}, 2));
  ShardMerge merge(home_);
  EXPECT_FALSE(merge.add(home).known);
  const auto again = merge.add(home);
  EXPECT_TRUE(again.known);
  fs::copy_file(home, folder_ / "copy.db");
  EXPECT_TRUE(merge.add(folder_ / "copy.db").known);
  EXPECT_EQ(count(home_, "attempt"), 2);
  EXPECT_EQ(count(home_, "shard"), 1);
}

TEST_F(Shards, AddOnlyWhatIsNewWhenTheyComeAgain) {
  const auto share = shard(plan(5), {1, 1}, 2);
  ShardMerge merge(home_);
  merge.add(carried(share));
  compute(share, 3);
  const auto more = merge.add(carried(share));
  EXPECT_EQ(more.attempts, 3);
  EXPECT_EQ(more.done, 3);
  EXPECT_TRUE(more.disagreements.empty());
  EXPECT_EQ(count(home_, "attempt"), 5);
}

TEST_F(Shards, AreReadWithTheLogThatAKilledTaskLeft) {
  const auto share = shard(plan(3), {1, 1}, 0);
  // As a killed process leaves it: a copy of the database and its log, made while both are in use.
  ResultStore at_work(share, Mode::ReadWrite);
  const auto claim = at_work.claim("demo", this_worker_name(), 60);
  ASSERT_TRUE(at_work.finish(*claim, done_attempt(0.7)));
  fs::copy_file(share, folder_ / "left.db");
  fs::copy_file(share.string() + "-wal", folder_ / "left.db-wal");
  EXPECT_EQ(ShardMerge(home_).add(folder_ / "left.db").done, 1);
}

TEST_F(Shards, AgreeWhereTwoTasksComputedTheSame) {
  const auto file = plan(2);
  ShardMerge merge(home_);
  merge.add(carried(shard(file, {1, 1}, 2)));
  take_share(file, folder_ / "twice.db", {1, 1});
  compute(folder_ / "twice.db", 2);
  const auto twice = merge.add(carried(folder_ / "twice.db"));
  EXPECT_TRUE(twice.disagreements.empty());
  EXPECT_EQ(twice.done, 0);
  EXPECT_EQ(twice.attempts, 2);
  EXPECT_EQ(counts(home_).done, 2);
}

TEST_F(Shards, AreNamedWhereTheyDisagreeAndTheFirstCounts) {
  const auto file = plan(2);
  ShardMerge merge(home_);
  merge.add(carried(shard(file, {1, 1}, 2, 0.7)));
  const auto other = merge.add(carried(shard(file, {1, 1}, 1, 0.5)));
  ASSERT_EQ(other.disagreements.size(), 1U);
  const auto& found = other.disagreements[0];
  EXPECT_EQ(found.key, "k0");
  EXPECT_EQ(found.differences, (std::vector<std::string>{"pruned, step 0, accuracy: 0.7 here, 0.5 there"}))
      << found.differences[0];
  EXPECT_EQ(found.digest_here.size(), 64U);
  EXPECT_NE(found.digest_here, found.digest_there);
  const auto cell = ResultStore(home_, Mode::ReadOnly).read("k0");
  EXPECT_EQ(cell.attempts.size(), 2U);
  EXPECT_EQ(count(home_, "ablation WHERE key = 'k0' AND accuracy = 0.7"), 1);
}

TEST_F(Shards, BringFailuresAndTheirLaterSuccess) {
  const auto file = plan(1);
  const auto share = shard(file, {1, 1}, 0);
  {
    ResultStore store(share, Mode::ReadWrite);
    const auto claim = store.claim("demo", this_worker_name(), 60);
    store.finish(*claim, test::failed_attempt("it broke"));
  }
  ShardMerge merge(home_);
  EXPECT_EQ(merge.add(carried(share)).failed, 1);
  EXPECT_EQ(ResultStore(home_, Mode::ReadOnly).read("k0").message, "it broke");
  take_share(file, folder_ / "second.db", {1, 1});
  compute(folder_ / "second.db", 1);
  EXPECT_EQ(merge.add(carried(folder_ / "second.db")).done, 1);
  EXPECT_EQ(counts(home_).done, 1);
  EXPECT_EQ(counts(home_).failed, 0);
}

TEST_F(Shards, TakeACellFromARunThatIsStillAtIt) {
  const auto file = plan(1);
  const auto home = carried(shard(file, {1, 1}, 1));
  ResultStore run(home_, Mode::Create);
  run.insert(sample_experiment(), sample_cells(1), true);
  const auto claim = run.claim("demo", this_worker_name(), 60);
  ASSERT_TRUE(claim);
  EXPECT_EQ(ShardMerge(home_).add(home).done, 1);
  EXPECT_FALSE(run.finish(*claim, done_attempt(0.1)));
  EXPECT_EQ(count(home_, "attempt WHERE outcome = 'lost'"), 1);
  EXPECT_EQ(count(home_, "ablation WHERE accuracy = 0.7"), 1);
}

TEST_F(Shards, LeaveAFailureOutWhileARunIsAtItsCell) {
  const auto file = plan(1);
  const auto share = shard(file, {1, 1}, 0);
  {
    ResultStore store(share, Mode::ReadWrite);
    const auto claim = store.claim("demo", this_worker_name(), 60);
    store.finish(*claim, test::failed_attempt("it broke"));
  }
  const auto home = carried(share);
  ResultStore run(home_, Mode::Create);
  run.insert(sample_experiment(), sample_cells(1), true);
  const auto claim = run.claim("demo", this_worker_name(), 60);
  EXPECT_EQ(ShardMerge(home_).add(home).held, 1);
  EXPECT_TRUE(run.finish(*claim, done_attempt(0.7)));
  EXPECT_EQ(ShardMerge(home_).add(home).attempts, 1);
  EXPECT_EQ(counts(home_).done, 1);
}

TEST_F(Shards, AreRefusedByNameWhenTheyAreHalfWritten) {
  const auto home = carried(shard(plan(3), {1, 1}, 3));
  const auto whole = fs::file_size(home);
  fs::resize_file(home, whole / 2);
  EXPECT_EQ(refused(home), home.string() + ": is cut off: " + std::to_string(whole / 2) + " bytes of " +
                               std::to_string(whole) +
                               "\n    it may be on its way still, or its task was killed while it wrote: bring it home "
                               "again from where it was written");
  fs::resize_file(home, 0);
  EXPECT_NE(refused(home).find(": is empty, expected a shard"), std::string::npos) << refused(home);
  std::ofstream(home) << "no database, but a text that is longer than the hundred bytes of a header of a database is, "
                         "to be sure of that";
  EXPECT_NE(refused(home).find(": is no SQLite database, expected a shard that 'espalier worker' wrote"),
            std::string::npos);
  EXPECT_NE(refused(folder_ / "absent.db").find("absent.db: cannot be read"), std::string::npos);
}

TEST_F(Shards, AreRefusedWhenTheyAreDamaged) {
  const auto home = carried(shard(plan(40), {1, 1}, 40));
  const auto size = fs::file_size(home);
  std::fstream file(home, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file << std::string(size / 4, '\x55');
  file.close();
  const auto message = refused(home);
  EXPECT_TRUE(message.find("is damaged") != std::string::npos || message.find("is not a whole") != std::string::npos)
      << message;
  EXPECT_EQ(count(home_, "cell"), 0);
}

TEST_F(Shards, OfOtherProgramsAndNewerOnesAreRefused) {
  const auto foreign = folder_ / "foreign.db";
  { SQLite::Database(foreign.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t (x)"); }
  EXPECT_NE(refused(foreign).find("foreign.db: is a database of another program"), std::string::npos);
  const auto newer = carried(shard(plan(1), {1, 1}, 1));
  { SQLite::Database(newer.string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99"); }
  EXPECT_NE(refused(newer).find(": has schema version 99, this program knows versions up to"), std::string::npos);
}

TEST_F(Shards, ThatBreakTheRulesLeaveNothing) {
  const auto home = carried(shard(plan(2), {1, 1}, 2));
  {
    SQLite::Database database(home.string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA writable_schema = ON");
    database.exec(
        "UPDATE sqlite_master SET sql = replace(sql, 'CHECK (kind <> ' || char(39, 39) || ')', '') WHERE name = "
        "'point'");
    database.exec("PRAGMA writable_schema = RESET");
    database.exec("UPDATE point SET kind = '' WHERE id = 3");
  }
  EXPECT_NE(refused(home).find("does not hold together"), std::string::npos) << refused(home);
  EXPECT_EQ(count(home_, "cell"), 0);
  EXPECT_EQ(count(home_, "shard"), 0);
}

TEST_F(Shards, AreOneFileWithoutALogAndWrittenOnlyWhenSomethingIsNew) {
  const auto share = shard(plan(2), {1, 1}, 1);
  const auto home = folder_ / "one.db";
  const auto digest = carry_home(share, home);
  {
    SQLite::Database database(home.string(), SQLite::OPEN_READONLY);
    EXPECT_EQ(database.execAndGet("PRAGMA journal_mode").getString(), "delete");
  }
  EXPECT_EQ(counts(home).done, 1);
  fs::remove(home);
  EXPECT_EQ(carry_home(share, home, digest), digest);
  EXPECT_FALSE(fs::exists(home));
  compute(share, 1);
  EXPECT_NE(carry_home(share, home, digest), digest);
  EXPECT_EQ(counts(home).done, 2);
}

TEST_F(Shards, AreRememberedByName) {
  ShardMerge(home_).add(carried(shard(plan(2), {1, 1}, 1)));
  const auto records = shards_brought_home(home_);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].file, "at-work-1-0.700000-home.db");
  EXPECT_GT(records[0].merged, 0);
}

}  // namespace
}  // namespace espalier::store
