// The cache folder: its limit, what goes first, what stays, and several processes at once.
#include "words/cache/folder.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/cache/byte_count.h"
#include "words/cache/entry.h"
#include "words/cache/limit.h"
#include "words/cache/lock.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t hour_seconds = 3600;

class InFolder : public testing::Test {
 protected:
  void TearDown() override { ::unsetenv(cache_limit_variable); }

  // An entry of about so many bytes that was used so long ago.
  fs::path add(const std::string& name, std::size_t bytes, std::time_t seconds_ago) const {
    const CachedEntry entry(folder_ / name);
    entry.put_text(std::string(bytes, 'x'), {});
    used(name, seconds_ago);
    return entry.path();
  }
  void used(const std::string& name, std::time_t seconds_ago) const { set_time(name + ".sha256", seconds_ago); }
  void set_time(const std::string& name, std::time_t seconds_ago) const {
    const timespec times[] = {{std::time(nullptr) - seconds_ago, 0}, {std::time(nullptr) - seconds_ago, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (folder_ / name).c_str(), times, 0), 0) << name;
  }
  bool has(const std::string& name) const { return fs::exists(folder_ / name); }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& entry : CacheFolder(folder_.path()).entries()) sum += entry.bytes;
    return sum;
  }

  test::TempDir folder_;
};

TEST_F(InFolder, EntriesAreListedWithTheirSealsAndUses) {
  add("scores/a.safetensors", 1000, 5 * hour_seconds);
  folder_.write("base_models/b/model.safetensors", "weights");
  folder_.write("base_models/b.lock", "");
  folder_.write("evaluations/c.jsonl", "{}");
  folder_.write("features/d.features.part123", "half");
  folder_.write("plugins/e.json", "{}");

  const auto entries = CacheFolder(folder_.path()).entries();

  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].kind, "base_models");
  EXPECT_EQ(entries[1].path, folder_ / "evaluations/c.jsonl");
  EXPECT_TRUE(entries[2].left_behind);
  EXPECT_EQ(entries[3].kind, "scores");
  EXPECT_GT(entries[3].bytes, 1000U);
  EXPECT_LT(entries[3].bytes, 1200U);
  EXPECT_NEAR(static_cast<double>(entries[3].last_used_nanoseconds) / 1e9,
              static_cast<double>(std::time(nullptr) - 5 * hour_seconds), 60);
}

TEST_F(InFolder, TheLeastRecentlyUsedGoesFirst) {
  add("scores/old.safetensors", 1000, 3 * hour_seconds);
  add("dense/older.safetensors", 1000, 4 * hour_seconds);
  add("points/new.json", 1000, 2 * hour_seconds);
  CachedEntry(folder_ / "dense/older.safetensors").note_use();

  const auto removed = CacheFolder(folder_.path()).trim(2500, 0);

  EXPECT_EQ(removed.entries, 1U);
  EXPECT_FALSE(has("scores/old.safetensors"));
  EXPECT_FALSE(has("scores/old.safetensors.sha256"));
  EXPECT_TRUE(has("dense/older.safetensors"));
  EXPECT_TRUE(has("points/new.json"));
  EXPECT_EQ(removed.bytes_left, bytes());
  EXPECT_LE(bytes(), 2500U);
}

TEST_F(InFolder, MasksStepsAndWhatWasJustUsedStay) {
  add("masks/a.safetensors", 1000, 9 * hour_seconds);
  add("steps/b", 1000, 9 * hour_seconds);
  add("scores/c.safetensors", 1000, 9 * hour_seconds);
  add("scores/d.safetensors", 1000, 0);

  const auto removed = CacheFolder(folder_.path()).trim(0, cache_grace_seconds);

  EXPECT_EQ(removed.entries, 1U);
  EXPECT_EQ(removed.in_use, 1U);
  EXPECT_TRUE(has("masks/a.safetensors"));
  EXPECT_TRUE(has("steps/b"));
  EXPECT_FALSE(has("scores/c.safetensors"));
  EXPECT_TRUE(has("scores/d.safetensors"));
  EXPECT_GT(removed.bytes_left, 3000U);
}

TEST_F(InFolder, WhatALivingProcessHoldsStaysUntilItEnds) {
  const auto path = add("features/a.features", 1000, 9 * hour_seconds);
  const CacheFolder cache(folder_.path());
  {
    const PathLock user(path, PathLock::Kind::Shared);
    EXPECT_TRUE(user.is_still(path));
    EXPECT_EQ(cache.trim(0, 0).in_use, 1U);
    EXPECT_EQ(cache.remove(cache.entries()).in_use, 1U);
    EXPECT_TRUE(has("features/a.features"));
  }
  const auto child = fork();
  if (child == 0) {
    const PathLock user(path, PathLock::Kind::Shared);
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);

  EXPECT_EQ(cache.trim(0, 0).entries, 1U);
  EXPECT_FALSE(has("features/a.features"));
}

TEST_F(InFolder, ABaseModelThatIsBeingMadeStays) {
  folder_.write("base_models/b/model.safetensors", "weights");
  folder_.write("base_models/b.lock", "");
  const CacheFolder cache(folder_.path());
  {
    const PathLock maker(folder_ / "base_models/b.lock", PathLock::Kind::Exclusive);
    EXPECT_EQ(cache.trim(0, 0).in_use, 1U);
    EXPECT_TRUE(has("base_models/b"));
  }
  EXPECT_EQ(cache.trim(0, 0).entries, 1U);
  EXPECT_FALSE(has("base_models/b"));
  EXPECT_FALSE(has("base_models/b.lock"));
}

TEST_F(InFolder, AReaderReadsOnWhileItsEntryGoes) {
  const auto path = add("scores/a.safetensors", 100000, 9 * hour_seconds);
  const int file = ::open(path.c_str(), O_RDONLY);
  std::string text(100000, '\0');
  ASSERT_EQ(::pread(file, text.data(), 10, 0), 10);

  CacheFolder(folder_.path()).trim(0, 0);

  EXPECT_FALSE(has("scores/a.safetensors"));
  EXPECT_EQ(::pread(file, text.data(), text.size(), 0), 100000);
  EXPECT_EQ(text, std::string(100000, 'x'));
  ::close(file);
}

TEST_F(InFolder, WhatCannotBeRemovedIsNamedAndStays) {
  // No other name of the folder is as long.
  const std::string name(250, 'a');
  folder_.write("scores/" + name, "1");
  const CacheFolder cache(folder_.path());

  const auto removal = cache.remove(cache.entries());

  ASSERT_EQ(removal.failures.size(), 1U);
  EXPECT_EQ(removal.failures[0],
            (folder_ / ("scores/" + name)).string() + ": cannot be removed\n    choose a folder that you may write to");
  EXPECT_EQ(removal.entries + removal.in_use, 0U);
  EXPECT_TRUE(has("scores/" + name));
}

TEST_F(InFolder, WhatKilledProcessesLeftGoesAfterAnHour) {
  folder_.write("features/a.features.part1", "half");
  folder_.write("features/b.features.part2", "half");
  folder_.write("scores/c.safetensors.sha256", "a seal alone");
  folder_.write("scores/.gone.1.2.d.safetensors", "on its way out");
  set_time("features/a.features.part1", 2 * hour_seconds);
  set_time("scores/c.safetensors.sha256", 2 * hour_seconds);

  CacheFolder(folder_.path()).trim(1 << 20, 0);

  EXPECT_FALSE(has("features/a.features.part1"));
  EXPECT_TRUE(has("features/b.features.part2"));
  EXPECT_FALSE(has("scores/c.safetensors.sha256"));
  EXPECT_FALSE(has("scores/.gone.1.2.d.safetensors"));
}

TEST_F(InFolder, TheLimitIsHeldWhileEntriesAreWritten) {
  ::setenv(cache_limit_variable, "100kB", 1);
  std::vector<std::string> said;
  const Watch watch{[&](const std::string& line) { said.push_back(line); }, {}};
  for (int i = 0; i < 40; ++i) {
    const auto name = "scores/" + std::to_string(i) + ".safetensors";
    CachedEntry(folder_ / name).put_text(std::string(10000, 'x'), watch);
    EXPECT_LE(bytes(), 112000U);
    used(name, hour_seconds * (100 - i));
  }

  EXPECT_LE(bytes(), 112000U);
  EXPECT_TRUE(has("scores/39.safetensors"));
  EXPECT_FALSE(has("scores/0.safetensors"));
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said[0], folder_.path().string() +
                         ": over its limit of 100.0 kB (ESPALIER_CACHE_LIMIT): 1 entry removed, "
                         "10.1 kB, least recently used first");
}

TEST_F(InFolder, ALimitThatCannotBeHeldIsSaidOnce) {
  ::setenv(cache_limit_variable, "1kB", 1);
  std::vector<std::string> said;
  const Watch watch{[&](const std::string& line) { said.push_back(line); }, {}};
  for (int i = 0; i < 3; ++i)
    CachedEntry(folder_ / ("masks/" + std::to_string(i))).put_text(std::string(10000, 'x'), watch);

  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("over its limit of 1.0 kB (ESPALIER_CACHE_LIMIT): what is left is in use, or masks and steps"),
            std::string::npos)
      << said[0];
}

// Processes that write, read and trim at once: no reader finds anything but what was written, nobody fails, and what is
// left verifies.
TEST_F(InFolder, ManyProcessesWriteReadAndTrim) {
  const CacheFolder cache(folder_.path());
  std::vector<pid_t> children;
  for (int process = 0; process < 4; ++process) {
    const auto child = fork();
    if (child == 0) {
      int wrong = 0;
      const Watch watch{[&](const std::string&) { ++wrong; }, {}};
      for (int i = 0; i < 150; ++i) {
        const CachedEntry entry(folder_ / ("scores/" + std::to_string(i % 7) + ".json"));
        if (entry.is_whole(watch)) {
          try {
            if (read_file(entry.path()).size() != 5000) ++wrong;
          } catch (const Error&) {  // it went meanwhile
          }
        } else {
          entry.put_text(std::string(5000, 'x'), watch);
        }
        if (process < 2) cache.trim(20000, 0);
      }
      _exit(wrong);
    }
    children.push_back(child);
  }
  for (const auto child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }

  cache.trim(20000, 0);
  EXPECT_LE(bytes(), 20000U);
  EXPECT_GT(bytes(), 10000U);
  for (const auto& entry : cache.entries()) EXPECT_EQ(CacheFolder::damage_of(entry), "");
}

TEST_F(InFolder, AKilledTrimLeavesWholeEntries) {
  const CacheFolder cache(folder_.path());
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 40; ++i) add("scores/" + std::to_string(i) + ".json", 3000, 9 * hour_seconds);
    const auto child = fork();
    if (child == 0) {
      cache.trim(0, 0);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    for (const auto& entry : cache.entries()) EXPECT_EQ(CacheFolder::damage_of(entry), "");
  }
  cache.trim(0, 0);
  EXPECT_TRUE(cache.entries().empty() || cache.entries()[0].left_behind);
}

TEST_F(InFolder, DamageOfAJournalIsCountedByLines) {
  folder_.write("evaluations/a.jsonl", "{\"mask\":\"m\",\"quality\":1,\"complete\":true}\n{\"mask\":\"m\",\"qua");

  EXPECT_EQ(CacheFolder::damage_of(CacheFolder(folder_.path()).entries().at(0)),
            "1 of 2 lines is not as it was written");
}

TEST(CacheLimit, IsANumberOfBytes) {
  EXPECT_EQ(bytes_from("20GiB", "--to"), 20ULL << 30);
  EXPECT_EQ(bytes_from("500 MB", "--to"), 500000000U);
  EXPECT_EQ(bytes_from("1.5kb", "--to"), 1500U);
  EXPECT_EQ(bytes_from("0", "--to"), 0U);
  for (const auto* nonsense : {"", "many", "-1GB", "20 apples", "1e9", "nan", "inf", "1GB2", "99999999999TB"}) {
    EXPECT_EQ(
        test::message_of<SettingsError>([&] { bytes_from(nonsense, "--to"); }),
        std::string("--to is '") + nonsense +
            "', expected a number of bytes\n    as in 20GiB, 500MB or 1000000; units: B, kB, MB, GB, TB, KiB, MiB, "
            "GiB, TiB");
  }
}

TEST(CacheLimit, SaysWhereTheDiskIsNearlyFull) {
  EXPECT_EQ(lack_of_space("cache", 6000000000, 100000000000), "");
  EXPECT_EQ(lack_of_space("cache", 4000000000, 100000000000),
            "cache: its disk is nearly full: 4.0 GB of 100.0 GB are free\n    'espalier cache' shows what lies there, "
            "'espalier cache trim --to 10GiB' removes what was not used for longest, and ESPALIER_CACHE_LIMIT=10GiB "
            "keeps it to that");
}

}  // namespace
}  // namespace espalier
