#include "words/texts/csv_field.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace espalier {
namespace {

TEST(CsvField, QuotesWhatRfc4180Asks) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field("ärger"), "ärger");
}

TEST(CsvField, TellsAnEmptyTextFromNoValue) { EXPECT_EQ(csv_field(""), "\"\""); }

TEST(CsvField, MakesNoFormula) {
  EXPECT_EQ(csv_field("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
  EXPECT_EQ(csv_field("+1"), "'+1");
  EXPECT_EQ(csv_field("-1"), "'-1");
  EXPECT_EQ(csv_field("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(csv_field(" \t=1"), "\"' \t=1\"");
  EXPECT_EQ(csv_field("a=1"), "a=1");
}

TEST(CsvField, ShowsControlsAndBytesThatAreNoText) {
  EXPECT_EQ(csv_field("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(csv_field("a\xff"), "a\\xff");
}

TEST(NumberInFull, ReadsBackAsTheSameNumber) {
  for (const double number : {0.1, 1.0 / 3, 1e300, -5e-324, 0.0, 123456789.0, 0.6772500000000001})
    EXPECT_EQ(std::strtod(number_in_full(number).c_str(), nullptr), number);
  EXPECT_EQ(number_in_full(2), "2.0");
  EXPECT_EQ(number_in_full(0.25), "0.25");
  EXPECT_EQ(number_in_full(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(number_in_full(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(number_in_full(std::numeric_limits<double>::quiet_NaN()), "nan");
}

}  // namespace
}  // namespace espalier
