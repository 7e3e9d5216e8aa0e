#include "report/escaping.h"

#include <gtest/gtest.h>

namespace espalier::report {
namespace {

TEST(Printable, KeepsTextAndShowsWhatWouldNotBeSeen) {
  EXPECT_EQ(printable("größer 模型"), "größer 模型");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\u202Eabc\u0085"), "\\u202eabc\\u0085");
}

TEST(Printable, ShowsBytesThatAreNoText) {
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");           // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");  // a longer form of /
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

TEST(MarkdownEscaped, EndsNoField) { EXPECT_EQ(markdown_escaped("a|b<i>`x`"), "a\\|b\\<i\\>\\`x\\`"); }

TEST(LatexEscaped, StartsNoCommand) {
  EXPECT_EQ(latex_escaped("50% of_a & b$ #1 {x} ~ ^ \\input"),
            "50\\% of\\_a \\& b\\$ \\#1 \\{x\\} \\textasciitilde{} \\textasciicircum{} \\textbackslash{}input");
  EXPECT_EQ(latex_escaped("[1ex]*"), "{[}1ex{]}{*}");
}

TEST(CsvEscaped, QuotesAndStartsNoFormula) {
  EXPECT_EQ(csv_escaped("plain"), "plain");
  EXPECT_EQ(csv_escaped("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_escaped("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(csv_escaped("=1+1"), "'=1+1");
  EXPECT_EQ(csv_escaped("@x,y"), "\"'@x,y\"");
  EXPECT_EQ(csv_escaped("a\r\nb"), "a\\x0d\\x0ab");
  EXPECT_EQ(csv_escaped(" =1+1"), "' =1+1");
  EXPECT_EQ(csv_escaped(""), "");
}

TEST(WidthOf, CountsCharacters) { EXPECT_EQ(width_of("± ö"), 3U); }

}  // namespace
}  // namespace espalier::report
