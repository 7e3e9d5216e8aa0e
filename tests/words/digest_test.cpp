#include "words/digest.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"
#include "support/temp_dir.h"

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
