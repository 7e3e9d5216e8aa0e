#include "log_tail.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"

namespace espalier::runner {
namespace {

void append(const std::filesystem::path& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

TEST(LogTail, KnowsTheLevelAfterATimeAndAProcess) {
  const auto line = read_log_line("2026-11-23T04:05:06.789Z [4711] warning: the labels differ");

  EXPECT_EQ(line.kind, LogLine::Kind::Warning);
  EXPECT_EQ(line.text, "the labels differ");
}

TEST(LogTail, TakesALevelInTheMiddleOfASentenceForText) {
  EXPECT_EQ(read_log_line("epoch 1: no error: all is well").kind, LogLine::Kind::Stage);
}

TEST(LogTail, TellsCellsAndDetailsFromStages) {
  EXPECT_EQ(read_log_line("cell 0123456789ab: attempt 1").kind, LogLine::Kind::Cell);
  EXPECT_EQ(read_log_line("    expected one score a unit").kind, LogLine::Kind::Detail);
  EXPECT_EQ(read_log_line("2026-11-23 04:05:06 training").text, "training");
  EXPECT_EQ(read_log_line("12 layers are loaded").text, "12 layers are loaded");
}

TEST(LogTail, GivesOnlyWholeLinesThatAreNew) {
  const test::TempDir folder;
  const auto file = folder.write("log", "error: of an earlier run\n");
  LogTail tail(file);
  append(file, "training the ba");

  const auto before = tail.new_lines();
  append(file, "se model\n");
  const auto after = tail.new_lines();

  EXPECT_TRUE(before.empty());
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].text, "training the base model");
}

TEST(LogTail, LastLinesBeginAtTheLastError) {
  const test::TempDir folder;
  const auto file = folder.write("log", "");
  const LogTail tail(file);
  append(file, "one\nerror: no such file\n    looked in /data\n    it was moved\n");

  EXPECT_EQ(tail.last_lines(2), (std::vector<std::string>{"no such file", "    looked in /data"}));
}

TEST(LogTail, LastLinesWithoutAnErrorAreTheLastOnes) {
  const test::TempDir folder;
  const auto file = folder.write("log", "");
  const LogTail tail(file);
  append(file, "one\ntwo\nthree\n");

  EXPECT_EQ(tail.last_lines(2), (std::vector<std::string>{"two", "three"}));
}

}  // namespace
}  // namespace espalier::runner
