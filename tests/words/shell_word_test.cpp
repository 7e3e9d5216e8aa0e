// What a shell makes of the words is asked of a shell.
#include "words/texts/shell_word.h"

#include <gtest/gtest.h>

#include <string>

#include "support/run_program.h"
#include "support/temp_dir.h"

namespace espalier {
namespace {

std::string as_bash_reads(const std::string& words) {
  const test::TempDir folder;
  return test::run_program({"/bin/bash", "-c", "printf '%s|' " + words}, folder.path()).out;
}

TEST(ShellWord, IsReadBackAsTheSameWord) {
  for (const std::string text : {"",
                                 "plain",
                                 "results/demo.db",
                                 "two words",
                                 "it's",
                                 "'",
                                 "\"quoted\"",
                                 "$HOME",
                                 "`id`",
                                 "a;b",
                                 "a\\b",
                                 "*",
                                 "~",
                                 "~root",
                                 "#not a comment",
                                 "a&b|c",
                                 "(x)",
                                 "{a,b}",
                                 "!history",
                                 "grid.seed=[0,1]",
                                 "tab\there",
                                 "line\nbreak",
                                 "it's\ta 'tab\\",
                                 "ärger",
                                 "\xff\xfe",
                                 "-rf"}) {
    EXPECT_EQ(as_bash_reads(shell_word(text)), text + "|") << shell_word(text);
  }
}

TEST(ShellWord, StaysAsItIsWhereAShellLeavesItAlone) {
  for (const std::string text : {"plain", "results/demo.db", "cuda:0,cuda:1", "model.small=1", "a_b-c+d@e%f", "ärger"})
    EXPECT_EQ(shell_word(text), text);
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
}

TEST(ShellWord, IsOneLineOfPrintableText) { EXPECT_EQ(shell_word("a\n\x1b[2Jb"), "$'a\\x0a\\x1b[2Jb'"); }

TEST(ShellWord, MakesNoOptionOfAPath) {
  EXPECT_EQ(shell_path("-rf"), "./-rf");
  EXPECT_EQ(shell_path("- my results/a.db"), "'./- my results/a.db'");
  EXPECT_EQ(shell_path("results/-a.db"), "results/-a.db");
}

}  // namespace
}  // namespace espalier
