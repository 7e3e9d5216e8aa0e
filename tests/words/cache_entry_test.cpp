// Entries of the cache: what is read back is what was written, or nothing is.
#include "words/cache/entry.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

class Cached : public testing::Test {
 protected:
  CachedEntry entry(const std::string& name = "scores/a.json") const { return CachedEntry(folder_ / name); }
  void put_folder(const CachedEntry& entry, const std::string& weights) const {
    entry.put(
        [&](const fs::path& aside) {
          fs::create_directories(aside);
          write_file(aside / "config.json", "{}");
          write_file(aside / "model.safetensors", weights);
        },
        {});
  }
  // One bit of one byte, with the file's own time put back.
  static void flip(const fs::path& path, std::streamoff place) {
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(place);
    file.put(byte);
    file.close();
    const timespec times[] = {before.st_atim, before.st_mtim};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }

  test::TempDir folder_;
  std::vector<std::string> said_;
  const Watch watch_{[this](const std::string& line) { said_.push_back(line); }, {}};
};

TEST_F(Cached, IsWhatWasWritten) {
  EXPECT_FALSE(entry().is_whole(watch_));

  entry().put_text("answer", watch_);

  EXPECT_TRUE(entry().is_whole(watch_));
  EXPECT_EQ(read_file(entry().path()), "answer");
  EXPECT_EQ(entry().damage(), "");
  EXPECT_TRUE(said_.empty());
  EXPECT_EQ(read_file(folder_ / "scores/a.json.sha256").substr(0, 73), sha256_hex("answer") + "  a.json\n");
}

TEST_F(Cached, IsNoneWhereOneBitIsAnother) {
  entry().put_text("answer", watch_);
  flip(entry().path(), 2);

  EXPECT_FALSE(entry().is_whole(watch_));

  ASSERT_EQ(said_.size(), 1U);
  EXPECT_EQ(said_[0],
            entry().path().string() +
                ": does not verify and is computed again: a.json holds other bytes than were written (sha256 " +
                sha256_of_file(entry().path()).substr(0, 12) + "..., expected " + sha256_hex("answer").substr(0, 12) +
                "...)");
  entry().put_text("answer", watch_);
  EXPECT_TRUE(entry().is_whole(watch_));
}

TEST_F(Cached, IsNoneWhereALargeOneChangesAndItsTimeDoesNot) {
  const auto large = entry("features/a.features");
  large.put_text(std::string(3 << 20, 'x'), watch_);
  ASSERT_TRUE(large.is_whole(watch_));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  flip(large.path(), 2 << 20);

  EXPECT_FALSE(large.is_whole(watch_));
  EXPECT_NE(large.damage(), "");
}

TEST_F(Cached, IsReadOnceWhereItIsLargeAndUntouched) {
  const auto large = entry("features/a.features");
  large.put_text(std::string(3 << 20, 'x'), watch_);
  // Copied, it is another file: read once more, and then remembered.
  fs::rename(large.path(), folder_ / "features/b");
  fs::copy_file(folder_ / "features/b", large.path());
  const auto before = read_file(folder_ / "features/a.features.sha256");

  EXPECT_TRUE(large.is_whole(watch_));

  const auto after = read_file(folder_ / "features/a.features.sha256");
  EXPECT_NE(before, after);
  EXPECT_TRUE(large.is_whole(watch_));
  EXPECT_EQ(read_file(folder_ / "features/a.features.sha256"), after);
}

TEST_F(Cached, IsNoneWhereItsEndIsMissing) {
  entry().put_text("a longer answer", watch_);
  fs::resize_file(entry().path(), 4);

  EXPECT_FALSE(entry().is_whole(watch_));
  EXPECT_EQ(said_.size(), 1U);
}

TEST_F(Cached, IsNoneWithoutItsSealOrWithADamagedOne) {
  entry().put_text("answer", watch_);
  const auto seal = folder_ / "scores/a.json.sha256";
  flip(seal, 70);
  EXPECT_FALSE(entry().is_whole(watch_));
  fs::remove(seal);
  EXPECT_FALSE(entry().is_whole(watch_));

  ASSERT_EQ(said_.size(), 2U);
  EXPECT_TRUE(said_[0].ends_with("what says what was written there is not whole: a.json.sha256")) << said_[0];
  EXPECT_TRUE(said_[1].ends_with("nothing says what was written there: it has no a.json.sha256")) << said_[1];
}

TEST_F(Cached, FolderIsNoneWhereAFileIsMissingOrAddedOrChanged) {
  const auto model = entry("base_models/a");
  put_folder(model, "weights");
  ASSERT_TRUE(model.is_whole(watch_));

  folder_.write("base_models/a/mask.safetensors", "mask");
  EXPECT_FALSE(model.is_whole(watch_));
  EXPECT_TRUE(said_.back().ends_with(": mask.safetensors was not written there")) << said_.back();
  put_folder(model, "weights");
  EXPECT_TRUE(model.is_whole(watch_));
  fs::remove(model.path() / "config.json");
  EXPECT_FALSE(model.is_whole(watch_));
  EXPECT_TRUE(said_.back().ends_with(": config.json is missing")) << said_.back();
  put_folder(model, "weights");
  flip(model.path() / "model.safetensors", 0);
  EXPECT_FALSE(model.is_whole(watch_));
  EXPECT_NE(said_.back().find("model.safetensors holds other bytes"), std::string::npos) << said_.back();
}

TEST_F(Cached, SaysWhereItCannotBeWritten) {
  folder_.write("scores", "a file where the folder would be");

  const auto message = test::message_of<InputError>([&] { entry().put_text("answer", watch_); });

  EXPECT_NE(message.find("scores: cannot be written: "), std::string::npos) << message;
  EXPECT_NE(message.find("make room or choose another folder (ESPALIER_CACHE)"), std::string::npos) << message;
}

TEST_F(Cached, LeavesNothingWhereWritingFails) {
  EXPECT_THROW(entry().put(
                   [](const fs::path& aside) {
                     write_file(aside, "half");
                     throw InputError("no");
                   },
                   watch_),
               InputError);

  EXPECT_TRUE(fs::is_empty(folder_ / "scores"));
}

// Writers of one entry with other bytes each, and readers: none finds anything but what one of them wrote.
TEST_F(Cached, IsNeverAMixtureOfSeveralWriters) {
  std::vector<pid_t> writers;
  for (const char letter : {'a', 'b', 'c'}) {
    const auto child = fork();
    if (child == 0) {
      for (int i = 0; i < 60; ++i) {
        entry().put_text(std::string(2000, letter), {});
        put_folder(entry("base_models/a"), std::string(2000, letter));
      }
      _exit(0);
    }
    writers.push_back(child);
  }
  int status = 0;
  for (int reads = 0; reads < 200; ++reads) {
    entry().is_whole(watch_);
    entry("base_models/a").is_whole(watch_);
  }
  for (const auto child : writers) {
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }

  EXPECT_TRUE(said_.empty()) << said_.front();
  EXPECT_TRUE(entry().is_whole(watch_));
  EXPECT_TRUE(entry("base_models/a").is_whole(watch_));
}

TEST_F(Cached, KilledWhileItIsWrittenIsThereWholeOrNotAtAll) {
  for (int round = 0; round < 30; ++round) {
    const auto child = fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        entry().put_text(std::string(20000, static_cast<char>('a' + i % 26)), {});
        put_folder(entry("base_models/a"), std::string(20000, static_cast<char>('a' + i % 26)));
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + round));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    for (const auto* name : {"scores/a.json", "base_models/a"}) {
      const bool is_there = fs::exists(folder_ / name);
      const bool is_whole = entry(name).is_whole(watch_);
      // A killed writer may leave the seal of what it had not yet moved: then it is said, and none.
      if (is_there && !is_whole) {
        EXPECT_NE(entry(name).damage(), "");
      }
      entry("scores/a.json").put_text("again", watch_);
      put_folder(entry("base_models/a"), "again");
      EXPECT_TRUE(entry(name).is_whole(watch_));
    }
  }
}

}  // namespace
}  // namespace espalier
