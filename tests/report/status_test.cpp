#include "report/status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace espalier::report {
namespace {

store::Progress progress_of(store::Counts counts) {
  store::Progress progress;
  progress.counts = counts;
  return progress;
}

TEST(Status, HasItsFields) {
  auto progress = progress_of({10, 5, 1, 2, 2});
  progress.finished_in_last_minute = 8;
  progress.failures = {{"abcdef", "first\nsecond"}};

  const auto status = nlohmann::json::parse(status_json(progress));

  EXPECT_EQ(status["cells"], 10);
  EXPECT_EQ(status["done"], 5);
  EXPECT_EQ(status["failed"], 1);
  EXPECT_EQ(status["running"], 2);
  EXPECT_EQ(status["waiting"], 2);
  EXPECT_EQ(status["cells_per_minute"], 8.0);
  EXPECT_EQ(status["seconds_left"], 30.0);  // 4 cells at 8 a minute
  EXPECT_EQ(status["failures"][0]["key"], "abcdef");
  EXPECT_EQ(status["failures"][0]["message"], "first\nsecond");
}

TEST(Status, WithoutAFinishedCellInTheLastMinuteGoesByWhatOneTakes) {
  auto progress = progress_of({10, 5, 0, 2, 3});
  progress.mean_seconds = 100;

  EXPECT_EQ(nlohmann::json::parse(status_json(progress))["seconds_left"], 250.0);  // 5 cells, 2 at once
}

TEST(Status, WithoutWorkersCannotTellTheTimeLeft) {
  auto progress = progress_of({10, 5, 0, 0, 5});
  progress.finished_in_last_minute = 8;

  EXPECT_TRUE(nlohmann::json::parse(status_json(progress))["seconds_left"].is_null());
  EXPECT_NE(status_text(progress).find("no worker runs"), std::string::npos);
}

TEST(Status, OfAFinishedExperimentHasNoTimeLeft) {
  const auto progress = progress_of({1, 1, 0, 0, 0});

  EXPECT_EQ(nlohmann::json::parse(status_json(progress))["seconds_left"], 0.0);
  EXPECT_EQ(status_text(progress), "1 cell: 1 done, 0 failed, 0 running, 0 waiting\n");
}

TEST(Status, SaysWhatIsNotAskedForWhatIsOldAndWhereTheDiskWent) {
  auto progress = progress_of({10, 5, 0, 0, 5, 5, 1});
  progress.finished_in_last_minute = 1;

  EXPECT_EQ(status_text(progress, {{"database", 1234567}, {"cache/scores", 12}}),
            "10 cells: 5 done, 0 failed, 0 running, 5 waiting\n"
            "5 of those that wait were not asked for by the last run\n"
            "1 more in the database is of an earlier state of the experiment file; 'espalier prune-db' removes it\n"
            "disk: database 1.2 MB, cache/scores 12 bytes\n");
  const auto status = nlohmann::json::parse(status_json(progress, {{"database", 7}}));
  EXPECT_EQ(status["not_asked"], 5);
  EXPECT_EQ(status["earlier"], 1);
  EXPECT_EQ(status["bytes"]["database"], 7);
}

TEST(Status, SaysEachFailureInOneLine) {
  auto progress = progress_of({3, 0, 2, 0, 1});
  progress.failures = {{"0123456789abcdef", "the proof failed\n    details"}, {"k", "escape \x1b[2J"}};

  EXPECT_EQ(status_text(progress),
            "3 cells: 0 done, 2 failed, 0 running, 1 waiting\n"
            "0 cells in the last minute, no worker runs\n"
            "failed, newest first:\n"
            "  0123456789ab  the proof failed\n"
            "  k  escape \\x1b[2J\n");
}

store::LiveWorker at_cell(const std::string& name, store::Whereabouts where) {
  store::LiveWorker worker;
  worker.name = name;
  worker.experiment = "demo";
  worker.device = "cuda:0";
  worker.threads = 2;
  worker.stage = "search";
  worker.memory_bytes = 1'500'000'000;
  worker.finished = 12;
  worker.where = where;
  worker.silent_seconds = 1;
  worker.key = "3f2a9c81b0d4aa";
  worker.seconds_at_cell = 65;
  return worker;
}

TEST(Status, ShowsEachWorkerWithWhatItIsAtAndTheDeadAsGone) {
  Live live;
  live.workers = {at_cell("host:12:3456", store::Whereabouts::Alive), at_cell("host:345:99", store::Whereabouts::Gone)};

  EXPECT_EQ(status_text(progress_of({2, 2, 0, 0, 0}), {}, live),
            "2 cells: 2 done, 0 failed, 0 running, 0 waiting\n"
            "workers:\n"
            "  host:12   cuda:0, 2 threads      1.5 GB      12 finished  cell 3f2a9c81b0d4 for 1 min 5 s: search\n"
            "  host:345  cuda:0, 2 threads      1.5 GB      12 finished  gone, and held cell 3f2a9c81b0d4\n");
  const auto worker = nlohmann::json::parse(status_json(progress_of({1, 1, 0, 0, 0}), {}, live)).at("workers").at(1);
  EXPECT_EQ(worker.at("state"), "gone");
  EXPECT_EQ(worker.at("key"), "3f2a9c81b0d4aa");
  EXPECT_EQ(worker.at("memory_bytes"), 1'500'000'000);
}

TEST(Status, LeavesOutWhoWentLongAgoAndHoldsNothing) {
  Live live;
  live.workers = {at_cell("host:12:3456", store::Whereabouts::Gone)};
  live.workers[0].key.clear();
  EXPECT_NE(status_text(progress_of({1, 1, 0, 0, 0}), {}, live).find("12 finished  gone\n"), std::string::npos);
  live.workers[0].silent_seconds = 90;

  EXPECT_EQ(status_text(progress_of({1, 1, 0, 0, 0}), {}, live), "1 cell: 1 done, 0 failed, 0 running, 0 waiting\n");
}

TEST(Status, SaysWhichWorkersAreSilent) {
  Live live;
  live.workers = {at_cell("other:12:3456", store::Whereabouts::Elsewhere)};
  live.workers[0].silent_seconds = 90;

  EXPECT_NE(status_text(progress_of({1, 0, 0, 1, 0}), {}, live).find(": search, silent for 1 min 30 s\n"),
            std::string::npos)
      << status_text(progress_of({1, 0, 0, 1, 0}), {}, live);
}

TEST(Status, TakesTheTimeLeftByKindsOfCellsWhereItIsKnown) {
  auto progress = progress_of({10, 5, 0, 2, 3});
  progress.mean_seconds = 100;
  Live live;
  live.is_by_kind = true;
  live.seconds_left = 1800;

  EXPECT_EQ(nlohmann::json::parse(status_json(progress, {}, live))["seconds_left"], 1800.0);
}

}  // namespace
}  // namespace espalier::report
