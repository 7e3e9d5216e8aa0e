#include "progress_line.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/temp_dir.h"

namespace espalier::runner {
namespace {

// What a progress line writes into a file, one element a line.
class ProgressLines : public testing::Test {
 protected:
  std::vector<std::string> written() {
    std::fflush(file_);
    std::ifstream input(folder_ / "out");
    std::vector<std::string> lines;
    for (std::string line; std::getline(input, line);) lines.push_back(line);
    return lines;
  }
  void TearDown() override { std::fclose(file_); }

  const test::TempDir folder_;
  std::FILE* file_ = std::fopen((folder_ / "out").c_str(), "w");
};

TEST_F(ProgressLines, GiveRateAndTimeLeftFromTheCellsThatEnded) {
  ProgressLine progress(file_, false, "demo");
  // The first cell waits 100 s for the base model; the next ones take 2 s each.
  progress.update({10, 0, 0, ""}, 0);
  for (int i = 0; i < 41; ++i) progress.update({100, 1 + i, 0, ""}, 100 + 2.0 * i);

  const auto text = progress.text({100, 41, 0, "scores"}, 180);

  EXPECT_EQ(text, "demo: 41 of 100 cells, 30 cells/min, 1 min 58 s left; scores");
}

TEST_F(ProgressLines, TakeTheTimeLeftFromTheKindsOfCellsWhereItIsKnown) {
  ProgressLine progress(file_, false, "demo");
  for (int i = 0; i < 41; ++i) progress.update({100, 1 + i, 0, ""}, 100 + 2.0 * i);

  EXPECT_EQ(progress.text({100, 41, 0, "", 600}, 180), "demo: 41 of 100 cells, 30 cells/min, 10 min left");
}

TEST_F(ProgressLines, SayFailuresAndStage) {
  const ProgressLine progress(file_, false, "demo");

  EXPECT_EQ(progress.text({60, 3, 1, "training the base model"}, 12),
            "demo: 4 of 60 cells, 1 failed, 12 s so far; training the base model");
}

TEST_F(ProgressLines, AppearAfterASecondThenEveryTenSecondsOrTenPercent) {
  ProgressLine progress(file_, false, "demo");
  for (const double now : {0.0, 0.5, 1.0, 5.0, 10.9, 11.1}) progress.update({100, 0, 0, ""}, now);
  const auto by_time = written().size();
  progress.update({100, 9, 0, ""}, 13);
  const auto below = written().size();
  progress.update({100, 10, 0, ""}, 14);

  EXPECT_EQ(by_time, 2U);
  EXPECT_EQ(below, 2U);
  EXPECT_EQ(written().size(), 3U);
}

TEST_F(ProgressLines, RewriteOneLineOnATerminal) {
  ProgressLine progress(file_, true, "demo");
  progress.update({100, 0, 0, ""}, 1);
  progress.update({100, 1, 0, ""}, 600);  // the first cell makes the base model: no pace yet
  progress.update({100, 2, 0, ""}, 601);
  progress.note("a sentence");
  progress.end();

  std::ostringstream text;
  text << std::ifstream(folder_ / "out").rdbuf();
  EXPECT_EQ(text.str(),
            "\r\x1b[Kdemo: 0 of 100 cells, 1 s so far\r\x1b[Kdemo: 1 of 100 cells, 10 min so far"
            "\r\x1b[Kdemo: 2 of 100 cells, 60 cells/min, 1 min 38 s left"
            "\r\x1b[Ka sentence\n\r\x1b[Kdemo: 2 of 100 cells, 60 cells/min, 1 min 38 s left\n");
}

}  // namespace
}  // namespace espalier::runner
