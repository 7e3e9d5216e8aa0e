#include <espalier/error.h>
#include <gtest/gtest.h>

#include "shipped.h"
#include "support/message_of.h"
#include "support/published_table.h"
#include "support/temp_dir.h"

namespace espalier::published {
namespace {

const std::string head = R"([source]
title = "T"
citation = "C"
certainty = "sourced"

[metric.accuracy]
unit = "percent"
better = "higher"
decimals = 2
)";
const std::string cell = R"(
[[cell]]
model = "m"
dataset = "d"
granularity = "head"
scorer = "fisher"
scope = "global"
metric = "accuracy"
value = 98.15
kind = "measured"
)";

class ReadingTables : public testing::Test {
 protected:
  std::string message(const std::string& text) {
    folder_.write("table.toml", text);
    return test::message_of<Error>([&] { read_table(folder_ / "table.toml"); });
  }
  test::TempDir folder_;
};

// Counted by a reader of its own, line by line.
TEST_F(ReadingTables, ReadEveryShippedCell) {
  std::size_t cells = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ESPALIER_SOURCE_DIR "/results/published")) {
    if (entry.path().extension() != ".toml") continue;
    const auto table = read_table(entry.path());
    const auto lines = test::published_cells(entry.path().filename().string());
    ASSERT_EQ(table.cells.size(), lines.size()) << entry.path();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_EQ(table.cells[i].value, lines[i].number("value"));
      EXPECT_EQ(table.cells[i].scorer, lines[i].text("scorer"));
    }
    cells += lines.size();
  }
  EXPECT_EQ(cells, 1660u);
}

TEST_F(ReadingTables, TellAllProblemsAtOnceWithTheirPlaces) {
  auto wrong = cell;
  wrong.replace(wrong.find("granularity = \"head\""), 20, "granularity = \"haed\"");
  wrong.replace(wrong.find("value = 98.15"), 13, "value = 98");
  const auto found = message(head + wrong + "values = 1.0\n");

  EXPECT_CONTAINS(found, "table.toml:14:15: unknown granularity 'haed'");
  EXPECT_CONTAINS(found, "did you mean 'head'?");
  EXPECT_CONTAINS(found, "table.toml:18:9: value in [[cell]] is the integer 98, expected a number with a point");
  EXPECT_CONTAINS(found, "table.toml:20:1: unknown key in [[cell]] 'values'");
}

TEST_F(ReadingTables, RefuseACellTwice) {
  EXPECT_CONTAINS(message(head + cell + cell), "this cell is the one of line 18 again");
}

TEST_F(ReadingTables, RefuseAnUnknownMetric) {
  auto wrong = cell;
  wrong.replace(wrong.find("\"accuracy\""), 10, "\"acuracy\"");
  EXPECT_CONTAINS(message(head + wrong), "unknown metric 'acuracy'");
}

TEST_F(ReadingTables, RefuseControlCharactersInNames) {
  auto wrong = cell;
  wrong.replace(wrong.find("\"m\""), 3, "\"m\\u001b[31m\"");
  EXPECT_CONTAINS(message(head + wrong), "without control characters");
}

TEST_F(ReadingTables, RefuseWhatIsNoToml) {
  EXPECT_CONTAINS(message("SQLite format 3"), "table.toml:1:8: this is not TOML");
  EXPECT_CONTAINS(message("x = " + std::string(300, '[')), "this is not TOML");
  EXPECT_CONTAINS(message(std::string(5, 'a') +
                          [] {
                            std::string dots;
                            for (int i = 0; i < 500; ++i) dots += ".a";
                            return dots;
                          }() +
                          " = 1"),
                  "a key of more than 200 parts");
}

TEST_F(ReadingTables, RefuseAFileThatIsNotThere) {
  EXPECT_CONTAINS(test::message_of<InputError>([&] { read_table(folder_ / "absent.toml"); }), "there is no such file");
}

TEST_F(ReadingTables, FindANearName) {
  EXPECT_CONTAINS(test::message_of<SettingsError>([] { table_file("silence"); }), "unknown published table 'silence'");
}

}  // namespace
}  // namespace espalier::published
