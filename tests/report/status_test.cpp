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

}  // namespace
}  // namespace espalier::report
