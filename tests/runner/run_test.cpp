#include "runner/run.h"

#include <espalier/error.h>
#include <unistd.h>

#include "runner/plugin_descriptions.h"
#include "runner_fixture.h"
#include "support/message_of.h"

namespace espalier::runner {
namespace {

using RunTest = RunnerTest;
using test::message_of;

TEST_F(RunTest, ComputesEveryCellAndThenNothing) {
  const auto first = run(experiment(5), options());
  const auto workers_before = journal().size();
  const auto second = run(experiment(5), options());

  EXPECT_EQ(first.done, 5);
  EXPECT_EQ(first.computed, 5);
  EXPECT_EQ(second.done, 5);
  EXPECT_EQ(second.computed, 0);
  EXPECT_EQ(journal().size(), workers_before);
}

TEST_F(RunTest, GivesWorkersTheirThreadsBeforeTheyStart) {
  auto with_threads = options();
  with_threads.threads = 3;
  run(experiment(1), with_threads);

  EXPECT_EQ(journal().at(0), "cells OMP_NUM_THREADS=3 passive");
}

TEST_F(RunTest, SharesTheCellsAmongWorkers) {
  set("FAKE_SLEEP", "0.05");

  const auto outcome = run(experiment(12), options(2));

  EXPECT_EQ(outcome.done, 12);
  EXPECT_EQ(journal().size(), 2U);
}

TEST_F(RunTest, MarksTheCellAtWhichAWorkerCrashesAndGoesOn) {
  set("FAKE_CRASH_SEED", "1");

  const auto outcome = run(experiment(4), options());

  EXPECT_EQ(outcome.done, 3);
  ASSERT_EQ(outcome.failed, 1);
  EXPECT_NE(outcome.failures[0].message.find("died by signal 11 (Segmentation fault) while it computed this cell"),
            std::string::npos)
      << outcome.failures[0].message;
}

TEST_F(RunTest, MarksTheCellAtWhichAWorkerEndsByItself) {
  set("FAKE_EXIT_SEED", "0");

  const auto outcome = run(experiment(2), options());

  EXPECT_EQ(outcome.done, 1);
  ASSERT_EQ(outcome.failed, 1);
  EXPECT_EQ(outcome.failures[0].message, "the worker ended with exit code 5 while it computed this cell");
}

// exit(0) somewhere in a library or a plugin: the cell is not done, and is not tried for ever.
TEST_F(RunTest, MarksTheCellAtWhichAWorkerEndsAsIfAllWereWell) {
  set("FAKE_EXIT_SEED", "0");
  set("FAKE_EXIT_CODE", "0");

  const auto outcome = run(experiment(2), options());

  EXPECT_EQ(outcome.done, 1);
  ASSERT_EQ(outcome.failed, 1);
  EXPECT_EQ(outcome.failures[0].message, "the worker ended with exit code 0 while it computed this cell");
}

TEST_F(RunTest, ComputesCellsOfChangedPluginsAgainWhenAsked) {
  auto wanted = experiment(3);
  run(wanted, options());  // the fake worker records scorer 'magnitude' 1.0 with the digest of its file then
  wanted.plugins = describe_plugins({}).plugins;
  const auto same = run(wanted, options());
  folder_.write("plugins/magnitude.so", "scorer 1.0 and other code");
  wanted.plugins = describe_plugins({}).plugins;
  const auto left = run(wanted, options());
  auto again = options();
  again.rerun_changed = true;
  const auto repeated = run(wanted, again);
  const auto nothing = run(wanted, again);

  EXPECT_EQ(same.computed, 0);
  EXPECT_EQ(left.computed, 0);
  EXPECT_EQ(left.done, 3);
  EXPECT_EQ(repeated.computed, 3);
  EXPECT_EQ(nothing.computed, 0);
}

TEST_F(RunTest, TriesFailedCellsAgain) {
  set("FAKE_FAIL_SEED", "2");
  const auto first = run(experiment(3), options());
  set("FAKE_FAIL_SEED", "none");
  const auto second = run(experiment(3), options());

  EXPECT_EQ(first.failed, 1);
  EXPECT_EQ(first.failures.at(0).message, "the fake fails here");
  EXPECT_EQ(second.failed, 0);
  EXPECT_EQ(second.computed, 1);
  EXPECT_EQ(second.done, 3);
}

TEST_F(RunTest, GivesUpWhenWorkersDoNotStart) {
  set("FAKE_CELLS_EXIT", "3");

  const auto message = message_of<PluginError>([this] { run(experiment(3), options()); });

  EXPECT_TRUE(
      message.starts_with("3 workers in a row ended before they computed a cell: the last one ended with exit "
                          "code 3\n    the fake does not start\n        it was told so\n"))
      << message;
  EXPECT_EQ(journal().size(), 3U);
}

TEST_F(RunTest, GivesUpWhenWorkersLeaveTheCellsWaiting) {
  set("FAKE_CELLS_EXIT", "0");

  const auto message = message_of<PluginError>([this] { run(experiment(3), options()); });

  EXPECT_NE(message.find("left 3 cells waiting"), std::string::npos) << message;
}

TEST_F(RunTest, StopsAtOnceWhenAWorkerCannotUseTheDatabase) {
  set("FAKE_CELLS_EXIT", "4");

  const auto message = message_of<StoreError>([this] { run(experiment(3), options()); });

  EXPECT_TRUE(message.starts_with("a worker cannot go on with the database\n    the fake does not start")) << message;
  EXPECT_EQ(journal().size(), 1U);
}

TEST_F(RunTest, RefusesMissingPathsBeforeAnythingIsWritten) {
  auto wanted = experiment(1);
  wanted.missing = {"/no/model", "dataset 'x': split 'test' is needed but not given"};

  const auto message = message_of<SettingsError>([&] { run(wanted, options()); });

  EXPECT_TRUE(
      message.starts_with("fake.toml: nothing is run, because 2 things needed by its cells are missing\n"
                          "    /no/model\n    dataset 'x'"))
      << message;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
}

TEST_F(RunTest, LeavesWaitingCellsOutsideOfTheSliceAlone) {
  {
    store::ResultStore store((std::filesystem::create_directories(folder_ / "results"), options().database),
                             store::Mode::Create);
    std::vector<store::NewCell> all;
    for (const auto& cell : experiment(6).cells) all.push_back({cell.key, cell.settings});
    store.insert({"fake", "", "fake.toml", "0"}, all, false);
  }

  EXPECT_EQ(run(experiment(2), options()).computed, 2);
  EXPECT_EQ(run(experiment(6), options()).computed, 4);
}

TEST_F(RunTest, TakesBackTheCellOfAWorkerThatDiedEarlier) {
  {
    store::ResultStore store((std::filesystem::create_directories(folder_ / "results"), options().database),
                             store::Mode::Create);
    const auto wanted = experiment(2);
    store.insert({"fake", "", "fake.toml", "0"},
                 {{wanted.cells[0].key, wanted.cells[0].settings}, {wanted.cells[1].key, wanted.cells[1].settings}},
                 false);
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    ASSERT_TRUE(store.claim("fake", std::string(host) + ":999999999:1", 3600).has_value());
  }

  EXPECT_EQ(run(experiment(2), options()).done, 2);
}

}  // namespace
}  // namespace espalier::runner
