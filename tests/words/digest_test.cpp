#include "words/digest.h"

#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

// FIPS 180-2, appendix B.1.
TEST(Digest, IsSha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, OfAFileIsThatOfItsBytes) {
  const TempDir folder;

  EXPECT_EQ(sha256_of_file(folder.write("a", "abc")), sha256_hex("abc"));
  EXPECT_NE(message_of<InputError>([&] { sha256_of_file(folder / "b"); }).find("/b: cannot be read: No such file"),
            std::string::npos);
}

TEST(DigestMemory, ForgetsAFileThatChanged) {
  const TempDir folder;
  const auto file = folder.write("a", "abc");
  {
    DigestMemory memory(folder / "cache");
    EXPECT_EQ(memory.of_file(file), sha256_hex("abc"));
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "cache/digests.txt"));
  folder.write("a", "abcd");

  DigestMemory memory(folder / "cache");

  EXPECT_EQ(memory.of_file(file), sha256_hex("abcd"));
}

// As cp -p, rsync -t and tar leave it: other bytes of the same size, and the date of before.
TEST(DigestMemory, IsNotFooledByADateThatWasPutBack) {
  const TempDir folder;
  const auto file = folder.write("a", "abc");
  const auto date = std::filesystem::last_write_time(file);
  const auto remembered = [&] { return DigestMemory(folder / "cache").of_file(file); };
  EXPECT_EQ(remembered(), sha256_hex("abc"));
  for (const std::string bytes : {"xyz", "uvw", "rst"}) {
    std::ofstream(file, std::ios::in | std::ios::out) << bytes;  // in place: the inode stays
    std::filesystem::last_write_time(file, date);
    EXPECT_EQ(remembered(), sha256_hex(bytes));
  }
}

// An archive gives every version of a file its own fixed date, and the file system the inode that was just freed.
TEST(DigestMemory, IsNotFooledByAFileThatIsMadeAnew) {
  const TempDir folder;
  const auto file = folder.write("a", "abc");
  const auto date = std::filesystem::last_write_time(file) - std::chrono::hours(24 * 365);
  DigestMemory memory(folder / "cache");
  for (int version = 0; version < 20; ++version) {
    const auto bytes = std::to_string(100 + version);
    std::filesystem::remove(file);
    folder.write("a", bytes);
    std::filesystem::last_write_time(file, date);
    EXPECT_EQ(memory.of_file(file), sha256_hex(bytes));
    EXPECT_EQ(memory.of_file(file), sha256_hex(bytes));
  }
}

TEST(DigestMemory, KnowsAFileThatDidNotChange) {
  const TempDir folder;
  const auto file = folder.write("a", "abc");
  DigestMemory(folder / "cache").of_file(file);
  auto kept = read_file(folder / "cache/digests.txt");
  const auto place = kept.find(sha256_hex("abc"));
  ASSERT_NE(place, std::string::npos);
  write_file(folder / "cache/digests.txt", kept.replace(place, 64, std::string(64, 'f')));

  EXPECT_EQ(DigestMemory(folder / "cache").of_file(file), std::string(64, 'f'));
}

// Of before changes of any kind had a time: digest, size, time, inode, path.
TEST(DigestMemory, HashesAgainWhatAnEarlierVersionRemembered) {
  const TempDir folder;
  const auto file = folder.write("a", "abc");
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  std::ostringstream line;
  line << std::string(64, 'f') << " 3 " << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' '
       << status.st_ino << ' ' << file.string() << '\n';
  folder.write("cache/digests.txt", line.str());

  EXPECT_EQ(DigestMemory(folder / "cache").of_file(file), sha256_hex("abc"));
}

TEST(DigestMemory, ACheckpointIsItsContentNotItsPath) {
  const TempDir folder;
  folder.write("one/config.json", "{}");
  folder.write("one/model.safetensors", "weights");
  folder.write("one/README.md", "words");
  folder.write("two/config.json", "{}");
  folder.write("two/model.safetensors", "weights");
  folder.write("three/config.json", "{ }");
  folder.write("three/model.safetensors", "weights");
  DigestMemory memory("/proc/none");  // cannot be written: only speed is lost

  EXPECT_EQ(memory.of_checkpoint(folder / "one"), memory.of_checkpoint(folder / "two"));
  EXPECT_NE(memory.of_checkpoint(folder / "one"), memory.of_checkpoint(folder / "three"));
}

}  // namespace
}  // namespace espalier::test
