// What a stranger's text becomes before it is kept or shown.
#include "words/printable.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "words/process_ending.h"

namespace espalier::test {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  const std::string text = "größe ≥ 3: \"naïve\" 日本語 🙂\n    a second line\twith a tab";

  EXPECT_EQ(printable(text), text);
  EXPECT_TRUE(is_printable_line("größe ≥ 3 🙂"));
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[31mred\x07\x7f"), "\\x1b[31mred\\x07\\x7f");
  EXPECT_EQ(printable("right \u202e to left \u009b31m"), "right \\u202e to left \\u009b31m");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_FALSE(is_printable_line("a\x1b"));
}

TEST(Printable, IsAlwaysUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("cut \xe2\x82"), "cut \\xe2\\x82");
  EXPECT_EQ(printable("overlong \xc0\xaf, surrogate \xed\xa0\x80"), "overlong \\xc0\\xaf, surrogate \\xed\\xa0\\x80");
  EXPECT_FALSE(is_printable_line("\xff"));
}

TEST(Printable, OfALineEscapesLineBreaksToo) {
  EXPECT_EQ(printable_line("one\ntwo\r\n"), "one\\x0atwo\\x0d\\x0a");
  EXPECT_FALSE(is_printable_line("one\ntwo"));
}

TEST(Printable, CutsWhatIsLongAndSaysSo) {
  const auto cut = printable(std::string(5'000'000, 'x'));
  const std::string kept(longest_message_bytes, 'x');

  EXPECT_EQ(cut, kept + "\n    ... and 4995904 bytes more");
  EXPECT_EQ(printable_line("abcdef", 3), "abc... and 3 bytes more");
  EXPECT_EQ(printable("ééé", 3), "é\n    ... and 4 bytes more");  // never in the middle of a letter
}

TEST(ProcessEnding, IsToldInWords) {
  EXPECT_EQ(ending_in_words(W_EXITCODE(3, 0)), "ended with exit code 3");
  EXPECT_EQ(ending_in_words(W_EXITCODE(0, SIGSEGV)), "died by signal 11 (Segmentation fault)");
  EXPECT_EQ(ending_in_words(W_EXITCODE(0, SIGKILL)),
            "died by signal 9 (Killed) (the system does this when memory runs out)");
}

}  // namespace
}  // namespace espalier::test
