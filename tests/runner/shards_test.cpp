// Tasks that compute a share of a plan each, and a database that is written where SQLite cannot write.
#include "runner/shards/compute.h"

#include <espalier/error.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "runner/shards/at_hand.h"
#include "runner/shards/shard_files.h"
#include "runner_fixture.h"
#include "store/worker_name.h"
#include "support/message_of.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;
using test::message_of;

class ShardTest : public RunnerTest {
 protected:
  fs::path plan(int cells) const {
    std::vector<store::NewCell> all;
    for (auto& cell : planned(cells)) all.push_back({cell.key, cell.settings});
    store::ResultStore(folder_ / "plan.db", store::Mode::Create).insert({"fake", "", "fake.toml", "0"}, all, true);
    return folder_ / "plan.db";
  }
  ShardOptions options(const store::Share& share) const {
    ShardOptions options;
    options.plan = folder_ / "plan.db";
    options.share = share;
    options.home = folder_ / "home";
    options.local = folder_ / "local";
    options.threads = 1;
    return options;
  }
  store::Counts merged() const {
    store::ShardMerge merge(folder_ / "all.db");
    for (const auto& file : shard_files(folder_ / "home")) merge.add(file.path);
    return store::ResultStore(folder_ / "all.db", store::Mode::ReadOnly).counts("");
  }
  bool nothing_is_left_locally() const { return fs::is_empty(folder_ / "local"); }
};

TEST_F(ShardTest, AreComputedAndComeHomeWhole) {
  plan(5);
  const auto first = compute_shard(options({1, 2})), second = compute_shard(options({2, 2}));

  EXPECT_EQ(first.done + second.done, 5);
  EXPECT_TRUE(fs::exists(first.home));
  const auto files = shard_files(folder_ / "home");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_TRUE(files[0].is_finished && files[1].is_finished);
  EXPECT_EQ(files[1].share.index, 2);
  EXPECT_TRUE(fs::exists(fs::path(first.home).replace_extension(".log")));
  EXPECT_TRUE(nothing_is_left_locally());
  EXPECT_EQ(merged().done, 5);
}

TEST_F(ShardTest, TellHowManyCellsFailed) {
  plan(3);
  set("FAKE_FAIL_SEED", "1");

  const auto outcome = compute_shard(options({1, 1}));

  EXPECT_EQ(outcome.done, 2);
  EXPECT_EQ(outcome.failed, 1);
  EXPECT_FALSE(outcome.interrupted);
}

TEST_F(ShardTest, OfWorkersThatCrashHaveTheirOtherCells) {
  plan(4);
  set("FAKE_CRASH_SEED", "2");

  const auto outcome = compute_shard(options({1, 1}));

  EXPECT_EQ(outcome.done, 3);
  EXPECT_EQ(outcome.failed, 1);
}

TEST_F(ShardTest, StopWhenTheyAreToldAndGoOnFromThere) {
  plan(400);
  set("FAKE_SLEEP", "0.02");
  auto often = options({1, 1});
  often.carry_every_seconds = 0.2;
  // Held back in every thread, the one below too: it would be ended by what it sends while this one does not wait.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  std::thread signal([this] {
    // As soon as something came home.
    for (int i = 0; i < 600 && shard_files(folder_ / "home").empty(); ++i) ::usleep(20'000);
    ::kill(::getpid(), SIGTERM);
  });
  const auto stopped = compute_shard(often);
  signal.join();
  pthread_sigmask(SIG_UNBLOCK, &term, nullptr);

  EXPECT_TRUE(stopped.interrupted);
  EXPECT_GT(stopped.done, 0);
  EXPECT_LT(stopped.done, 400);
  ASSERT_EQ(shard_files(folder_ / "home").size(), 1U);
  EXPECT_FALSE(shard_files(folder_ / "home")[0].is_finished);
  EXPECT_TRUE(nothing_is_left_locally());

  set("FAKE_SLEEP", "0");
  const auto journal_before = merged().done;
  EXPECT_EQ(journal_before, stopped.done);
  EXPECT_EQ(compute_shard(options({1, 1})).done, 400);
  const auto all = merged();
  EXPECT_EQ(all.done, 400);
  EXPECT_EQ(store::ResultStore(folder_ / "all.db", store::Mode::ReadOnly).points("").rows.size(), 800U);
}

TEST_F(ShardTest, GoOnFromWhatAKilledTaskLeftOnThisMachine) {
  const auto file = plan(3);
  // The folder of a process that is no more.
  const auto host = store::this_worker_name();
  const auto gone = host.substr(0, host.find(':')) + ":999999999:1";
  const auto left = folder_ / "local" / ("espalier-shard-1-of-1-" + short_digest_of(file) + "." + gone);
  fs::create_directories(left);
  store::take_share(file, left / "shard.db", {1, 1});
  {
    store::ResultStore store(left / "shard.db", store::Mode::ReadWrite);
    const auto claim = store.claim("fake", "w", 60);
    Attempt attempt;
    attempt.seconds = 1;
    ASSERT_TRUE(store.finish(*claim, attempt));
  }
  testing::internal::CaptureStderr();
  const auto outcome = compute_shard(options({1, 1}));

  EXPECT_NE(testing::internal::GetCapturedStderr().find("3 cells, 1 of them computed by an earlier task"),
            std::string::npos);
  EXPECT_EQ(outcome.done, 3);
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(ShardTest, OfAnotherNumberOfTasksAreRefused) {
  plan(4);
  compute_shard(options({1, 2}));

  const auto message = message_of<SettingsError>([&] { compute_shard(options({1, 3})); });

  EXPECT_NE(message.find("--shard 1/3: "), std::string::npos) << message;
  EXPECT_NE(message.find("is one of 2 shards of this plan"), std::string::npos) << message;
}

TEST_F(ShardTest, SayWhyWorkersDoNotStart) {
  plan(2);
  set("FAKE_CELLS_EXIT", "3");

  const auto message = message_of<PluginError>([&] { compute_shard(options({1, 1})); });

  EXPECT_NE(message.find("workers end before they compute a cell: the last one ended with exit code 3"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("the fake does not start"), std::string::npos) << message;
  EXPECT_EQ(shard_files(folder_ / "home").size(), 1U);
}

TEST_F(ShardTest, StayWhereTheyAreWhenTheyCannotComeHome) {
  plan(2);
  auto nowhere = options({1, 1});
  // A folder in the place of the file that would be written.
  const auto home = shard_path(nowhere.home, {1, 1}, short_digest_of(nowhere.plan), store::this_worker_name(), true);
  fs::create_directories(home / "in the way");
  testing::internal::CaptureStderr();
  compute_shard(nowhere);

  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("the shard stays in "), std::string::npos) << said;
  EXPECT_FALSE(nothing_is_left_locally());
}

TEST(ShareFromText, IsATasksNumberOfHowMany) {
  EXPECT_EQ(share_from("3/8").index, 3);
  EXPECT_EQ(share_from("3/8").count, 8);
  for (const auto* wrong : {"0/8", "9/8", "3", "3/", "/8", "a/b", "3/8/1", "-1/8", "3 / 8"}) {
    const auto message = message_of<SettingsError>([&] { share_from(wrong); });
    EXPECT_EQ(message, std::string("--shard ") + wrong +
                           ": expected I/N, the task's number and how many there are, as in 3/8, with I from 1 to N");
  }
}

TEST(ShardFileName, SaysWhoseItIs) {
  const auto path = shard_path("home", {3, 8}, "1f0c9a6be2d4", "node-7:12:345", false);

  EXPECT_EQ(path, "home/shard-3-of-8-1f0c9a6be2d4.node-7-12-345.unfinished.db");
  const auto file = shard_file(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->share.index, 3);
  EXPECT_EQ(file->share.count, 8);
  EXPECT_EQ(file->plan, "1f0c9a6be2d4");
  EXPECT_FALSE(file->is_finished);
  EXPECT_TRUE(shard_file(shard_path("home", {3, 8}, "1f", "a:1:2", true))->is_finished);
  EXPECT_FALSE(shard_file("home/plan.db"));
  EXPECT_FALSE(shard_file("home/shard-9-of-8-1f.a.db"));
}

using AtHandTest = RunnerTest;

TEST_F(AtHandTest, IsTheDatabaseItselfOnALocalDisk) {
  const DatabaseAtHand at_hand(folder_ / "some.db", folder_.path(), "");
  EXPECT_EQ(at_hand.path(), folder_ / "some.db");
}

TEST_F(AtHandTest, IsACopyThatIsPutBackWhereADatabaseCannotBeWritten) {
  const auto far = folder_ / "far/some.db";
  for (int cells = 1; cells <= 2; ++cells) {
    DatabaseAtHand at_hand(far, folder_.path(), "NFS");
    EXPECT_NE(at_hand.path(), far);
    std::vector<store::NewCell> all;
    for (auto& cell : planned(cells)) all.push_back({cell.key, cell.settings});
    EXPECT_EQ(store::ResultStore(at_hand.path(), store::Mode::Create).insert({"fake", "", "f", "0"}, all, true).added,
              1);
    at_hand.bring_back();
  }
  EXPECT_EQ(store::ResultStore(far, store::Mode::ReadOnly).counts("").cells, 2);
  EXPECT_FALSE(fs::exists(far.string() + ".at-work"));
}

TEST_F(AtHandTest, IsForOneAtATime) {
  const auto far = folder_ / "some.db";
  const DatabaseAtHand first(far, folder_.path(), "Lustre");

  const auto message = message_of<StoreError>([&] { const DatabaseAtHand second(far, folder_.path(), "Lustre"); });

  EXPECT_EQ(message, far.string() + ": is being written by " + store::this_worker_name() +
                         "\n    wait for it; where it is dead, remove " + far.string() + ".at-work");
}

TEST_F(AtHandTest, IsTakenFromAProcessThatIsNoMore) {
  const auto host = store::this_worker_name();
  folder_.write("some.db.at-work", host.substr(0, host.find(':')) + ":999999999:1");
  DatabaseAtHand at_hand(folder_ / "some.db", folder_.path(), "NFS");
  EXPECT_NE(at_hand.path(), folder_ / "some.db");
}

TEST_F(AtHandTest, IsRefusedWhereALogHoldsMore) {
  folder_.write("some.db", "x");
  folder_.write("some.db-wal", "x");

  const auto message =
      message_of<StoreError>([&] { const DatabaseAtHand at_hand(folder_ / "some.db", folder_.path(), "NFS"); });

  EXPECT_NE(message.find("'some.db-wal' beside it holds results that are not in it yet, and on NFS"), std::string::npos)
      << message;
}

}  // namespace
}  // namespace espalier::runner
