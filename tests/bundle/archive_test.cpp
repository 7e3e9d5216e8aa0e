#include "bundle/archive.h"

#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zip.h>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;

class Archives : public testing::Test {
 protected:
  // As a stranger's program would write it, names unchecked.
  void write(const std::vector<std::pair<std::string, std::string>>& entries, bool links = false) {
    fs::remove(file);
    int code = 0;
    auto* archive = zip_open(file.c_str(), ZIP_CREATE, &code);
    ASSERT_NE(archive, nullptr);
    for (const auto& [name, content] : entries) {
      auto* source = zip_source_buffer(archive, content.data(), content.size(), 0);
      const auto index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_GUESS);
      ASSERT_GE(index, 0) << name;
      const zip_uint32_t mode = links ? S_IFLNK | 0777 : S_IFREG | 0644;
      zip_file_set_external_attributes(archive, static_cast<zip_uint64_t>(index), 0, ZIP_OPSYS_UNIX, mode << 16);
    }
    ASSERT_EQ(zip_close(archive), 0);
  }
  std::string refusal() const {
    return test::message_of<InputError>([&] { ArchiveReader reader(file); });
  }

  test::TempDir folder;
  const fs::path file = folder / "a.zip";
};

TEST_F(Archives, GiveBackWhatWasPutIn) {
  write_file(folder / "long", std::string(300'000, 'x') + "end");
  {
    ArchiveWriter writer(file);
    writer.add_text("a.txt", "text");
    writer.add_text("empty", "");
    writer.add_file("folder/größe.bin", folder / "long");
    writer.commit();
  }
  const ArchiveReader reader(file);

  ASSERT_EQ(reader.entries().size(), 3U);
  EXPECT_EQ(reader.entries()[2].name, "folder/größe.bin");
  EXPECT_EQ(reader.entries()[2].bytes, 300'003U);
  EXPECT_EQ(reader.text("a.txt"), "text");
  EXPECT_EQ(reader.text("empty"), "");
  EXPECT_EQ(reader.sha256("folder/größe.bin"), sha256_of_file(folder / "long"));
  reader.unpack("folder/größe.bin", folder / "again");
  EXPECT_EQ(read_file(folder / "again"), read_file(folder / "long"));
  EXPECT_TRUE(reader.has("a.txt"));
  EXPECT_FALSE(reader.has("b.txt"));
  EXPECT_EQ(test::message_of<InputError>([&] { reader.text("b.txt"); }), file.string() + ": 'b.txt' is not in it");
  EXPECT_EQ(test::message_of<InputError>([&] { reader.text("a.txt", 3); }),
            file.string() + ": 'a.txt' is longer than 3 bytes");
}

TEST_F(Archives, OfTheSameContentsAreTheSameBytes) {
  const auto bytes = [&] {
    ArchiveWriter writer(file);
    writer.add_text("a.txt", "text");
    writer.add_text("b.txt", std::string(1000, 'b'));
    writer.commit();
    return read_file(file);
  };
  EXPECT_EQ(bytes(), bytes());
}

TEST_F(Archives, ThatAreNotFinishedAreNone) {
  {
    ArchiveWriter writer(file);
    writer.add_text("a.txt", "text");
  }
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(Archives, TakeNoNameThatLeadsAnywhere) {
  ArchiveWriter writer(file);
  for (const auto* name : {"../a", "/etc/passwd", "a//b", "a/./b", "a\\b", "c:/x", "", "a\nb"})
    EXPECT_THROW(writer.add_text(name, ""), InputError) << name;
  writer.add_text("a", "");
  EXPECT_EQ(test::message_of<InputError>([&] { writer.add_text("a", ""); }),
            file.string() + ": the name 'a' is there already");
}

TEST_F(Archives, OfAStrangerAreRefusedForTheirNames) {
  write({{"../../evil", "x"}, {"/etc/passwd", "x"}, {"a/../../b", "x"}, {"a\\..\\b", "x"}, {"good", "x"}});

  EXPECT_EQ(refusal(),
            file.string() +
                ": is no archive to unpack; nothing was\n    '../../evil' leads out of its folder, or nowhere\n"
                "    '/etc/passwd' is no relative path\n    'a/../../b' leads out of its folder, or nowhere\n"
                "    'a\\..\\b' holds a backslash");
}

TEST_F(Archives, OfAStrangerAreRefusedForLinks) {
  write({{"link", "/etc/passwd"}}, true);
  EXPECT_EQ(refusal(), file.string() + ": is no archive to unpack; nothing was\n    'link' is a link");
}

TEST_F(Archives, ThatWouldFillADiskAreRefused) {
  write({{"zeros", std::string(64 * 1024 * 1024, '\0')}});

  EXPECT_LT(fs::file_size(file), 100'000U);
  EXPECT_NE(refusal().find("would unpack to more than "), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("nothing was unpacked"), std::string::npos);
}

TEST_F(Archives, ThatHoldOneNameTwiceAreRefused) {
  write({{"aa", "1"}, {"ab", "2"}});
  auto bytes = read_file(file);
  for (std::size_t at = 0; (at = bytes.find("ab", at)) != std::string::npos; ++at) bytes[at + 1] = 'a';
  write_file(file, bytes);

  EXPECT_EQ(refusal(), file.string() + ": holds one name twice; nothing was unpacked");
}

TEST_F(Archives, WithSpoiltBytesSayWhichFile) {
  write({{"a.txt", std::string(1000, 'a') + std::string(1000, 'b')}});
  auto bytes = read_file(file);
  bytes[45] = static_cast<char>(bytes[45] ^ 0x20);
  write_file(file, bytes);
  const ArchiveReader reader(file);

  const auto message = test::message_of<InputError>([&] { reader.text("a.txt"); });
  EXPECT_EQ(message.find(file.string() + ": 'a.txt' cannot be unpacked: "), 0U) << message;
}

TEST_F(Archives, ThatAreCutOffOrNoneAreRefused) {
  write({{"a.txt", std::string(1000, 'a')}});
  write_file(file, read_file(file).substr(0, 60));
  EXPECT_NE(refusal().find("is no zip archive, or is cut off"), std::string::npos) << refusal();
  write_file(file, "not an archive");
  EXPECT_NE(refusal().find("is no zip archive, or is cut off"), std::string::npos);
  fs::remove(file);
  EXPECT_NE(refusal().find("cannot be read: No such file"), std::string::npos);
}

}  // namespace
}  // namespace espalier::bundle
