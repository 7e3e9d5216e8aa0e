// Which rung of reproducibility two computations of a cell stand on.
#include "report/comparing/repetition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "sample_cells.h"
#include "support/temp_dir.h"

namespace espalier::report {
namespace {

store::CellRecord record(const Attempt& attempt) {
  store::CellRecord cell;
  cell.key = "0123456789abcdef";
  cell.state = "done";
  cell.attempts = {attempt};
  return cell;
}

Attempt attempt() {
  auto attempt = test::done_attempt(0.75);
  attempt.timing->cached.clear();
  attempt.points[1].mask_digest = "mask";
  attempt.points[1].predictions_digest = "predictions";
  return attempt;
}

TEST(Repetition, OfTheSameNumbersIsIdentical) {
  const auto found = repetition_of(record(attempt()), record(attempt()));

  EXPECT_EQ(found.rung, Rung::Identical);
  EXPECT_TRUE(found.holds());
  EXPECT_EQ(in_words(found),
            "0123456789ab  identical: scores not compared, masks equal, predictions equal, metrics equal");
}

// The last bit counts, and what is no number equals what is no number.
TEST(Repetition, ComparesMetricsToTheLastBit) {
  auto then = attempt(), now = attempt();
  then.points[1].metrics["cross_entropy"] = std::nan("");
  now.points[1].metrics["cross_entropy"] = std::nan("");
  EXPECT_EQ(repetition_of(record(then), record(now)).rung, Rung::Identical);

  now.points[1].metrics["accuracy"] = std::nextafter(0.75, 1.0);
  const auto found = repetition_of(record(then), record(now));

  EXPECT_EQ(found.rung, Rung::Predictions);
  EXPECT_FALSE(found.holds());
  EXPECT_EQ(found.of_metric, "accuracy");
  EXPECT_EQ(found.largest_difference, std::nextafter(0.75, 1.0) - 0.75);
}

TEST(Repetition, OnOtherThreadsHoldsWithTheSamePredictions) {
  auto now = attempt();
  now.environment["threads"] = 2;
  now.points[1].metrics["accuracy"] = std::nextafter(0.75, 1.0);

  const auto found = repetition_of(record(attempt()), record(now));

  EXPECT_TRUE(found.holds());
  EXPECT_EQ(found.circumstances, std::vector<std::string>{"threads 2, then 1"});
}

// Another attempt may have computed them on other threads.
TEST(Repetition, OfWhatWasReadFromACacheMayDifferInTheLastBits) {
  auto then = attempt(), now = attempt();
  then.timing->cached = {{"scores", true}, {"base_model", true}, {"evaluation", false}};
  EXPECT_EQ(repetition_of(record(then), record(now)).circumstances, std::vector<std::string>{});
  now.points[1].metrics["accuracy"] = std::nextafter(0.75, 1.0);

  const auto found = repetition_of(record(then), record(now));

  EXPECT_EQ(found.circumstances, std::vector<std::string>{"scores computed again, then read from the cache"});
  EXPECT_TRUE(found.holds());
}

TEST(Repetition, OfOtherPredictionsOrMasksDoesNotHold) {
  auto predictions = attempt(), mask = attempt(), shorter = attempt();
  predictions.environment["threads"] = mask.environment["threads"] = 2;
  predictions.points[1].predictions_digest = "others";
  mask.points[1].mask_digest = "another";
  shorter.points.pop_back();

  EXPECT_EQ(repetition_of(record(attempt()), record(predictions)).rung, Rung::Mask);
  EXPECT_EQ(repetition_of(record(attempt()), record(mask)).rung, Rung::Different);
  EXPECT_EQ(repetition_of(record(attempt()), record(shorter)).rung, Rung::Different);
  EXPECT_FALSE(repetition_of(record(attempt()), record(predictions)).holds());
}

TEST(Repetition, ThatFailedSaysWhy) {
  auto now = record(attempt());
  now.state = "failed";
  now.message = "out of memory";

  const auto found = repetition_of(record(attempt()), now);

  EXPECT_EQ(in_words(found), "0123456789ab  failed: out of memory");
  EXPECT_EQ(to_json(found)["rung"], "failed");
  EXPECT_FALSE(found.holds());
}

TEST(Repetition, ComparesScoresByTheirContent) {
  const test::TempDir folder;
  for (const char* cache : {"then", "now"}) std::filesystem::create_directories(folder / cache / "scores");
  folder.write("then/scores/s.safetensors", "one");
  folder.write("now/scores/s.safetensors", "one");
  auto made = attempt();
  made.artifacts.push_back({"scores", "s", "/elsewhere/scores/s.safetensors"});
  const auto compared = [&] { return repetition_of(record(made), record(made), folder / "then", folder / "now"); };

  EXPECT_EQ(compared().scores_equal, true);
  folder.write("now/scores/s.safetensors", "two");
  EXPECT_EQ(compared().scores_equal, false);
  EXPECT_EQ(compared().rung, Rung::Predictions);
  std::filesystem::remove(folder / "then/scores/s.safetensors");
  EXPECT_EQ(compared().scores_equal, std::nullopt);
  EXPECT_EQ(compared().rung, Rung::Identical);
}

}  // namespace
}  // namespace espalier::report
