#include "words/atomic_file.h"

#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::test {
namespace {

TEST(AtomicFile, IsThereWholeOrNotAtAll) {
  const TempDir folder;
  {
    AtomicFile file(folder / "a");
    file.write("half");
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));

  write_file(folder / "a", "whole");

  EXPECT_EQ(read_file(folder / "a"), "whole");
}

TEST(AtomicFile, AFolderThatCannotBeWrittenIsNamed) {
  const auto message = message_of<InputError>([] { write_file("/proc/none/a", "x"); });

  EXPECT_NE(message.find("/proc/none/a: cannot be written: No such file or directory"), std::string::npos) << message;
}

// A limit on file size stands in for a full disk: the write fails half-way.
TEST(AtomicFile, AWriteThatFailsLeavesTheOldFile) {
  const TempDir folder;
  write_file(folder / "a", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &small);

  const auto message = message_of<InputError>([&] { write_file(folder / "a", std::string(100000, 'x')); });

  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_NE(message.find("/a: cannot be written: File too large"), std::string::npos) << message;
  EXPECT_EQ(read_file(folder / "a"), "old");
}

TEST(ReadFile, AFolderIsNoFile) {
  const TempDir folder;

  EXPECT_NE(message_of<InputError>([&] { read_file(folder.path()); }).find("is a folder, expected a file"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::test
