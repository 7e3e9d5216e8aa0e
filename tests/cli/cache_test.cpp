// espalier cache: what it lists, checks and removes, and what it says.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>

#include "cli_fixture.h"
#include "words/cache/entry.h"
#include "words/cache/lock.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

class Cache : public CliTest {
 protected:
  void SetUp() override {
    add("scores/a.safetensors", 3000, 7200);
    add("features/b.features", 5000, 3600);
    add("masks/c.safetensors", 1000, 9000);
  }
  void add(const std::string& name, std::size_t bytes, std::time_t seconds_ago) const {
    const CachedEntry entry(folder_ / "cache" / name);
    entry.put_text(std::string(bytes, 'x'), {});
    const timespec times[] = {{std::time(nullptr) - seconds_ago, 0}, {std::time(nullptr) - seconds_ago, 0}};
    ::utimensat(-100, (entry.path().string() + ".sha256").c_str(), times, 0);
  }
  bool has(const std::string& name) const { return fs::exists(folder_ / "cache" / name); }
};

TEST_F(Cache, IsListedByKind) {
  const auto text = espalier({"cache"});
  const auto document = json(espalier({"cache", "list", "--json"}, {"ESPALIER_CACHE_LIMIT=2GiB"}));

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(text.out.starts_with("kind           entries        size  oldest use        newest use\n")) << text.out;
  EXPECT_CONTAINS(text.out, "\nfeatures             1      5.");
  EXPECT_CONTAINS(text.out, "\nsteps                0     0 bytes  -                 -\n");
  EXPECT_CONTAINS(text.out, "cache: 9.3 kB, no limit (ESPALIER_CACHE_LIMIT is not set)\n");
  EXPECT_EQ(document.at("limit_bytes"), 2147483648U);
  EXPECT_EQ(document.at("folder"), (folder_ / "cache").string());
  ASSERT_EQ(document.at("kinds").size(), 9U);
  EXPECT_EQ(document.at("kinds")[3].at("kind"), "features");
  EXPECT_EQ(document.at("kinds")[3].at("entries"), 1);
  EXPECT_EQ(document.at("kinds")[3].at("trimmed"), true);
  EXPECT_EQ(document.at("kinds")[3].at("oldest_use"), document.at("kinds")[3].at("newest_use"));
  EXPECT_EQ(document.at("kinds")[5].at("trimmed"), false);
}

TEST_F(Cache, IsChecked) {
  const auto whole = espalier({"cache", "check"});
  folder_.write("cache/scores/a.safetensors", std::string(3000, 'y'));
  const auto damaged = espalier({"cache", "check"});
  const auto others = espalier({"cache", "check", "features", "masks"});
  const auto document = json(espalier({"cache", "check", "--json"}));

  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_CONTAINS(whole.out, "cache: 3 entries verified, 0 do not\n");
  EXPECT_EQ(damaged.exit_code, 5);
  EXPECT_CONTAINS(damaged.out,
                  "cache/scores/a.safetensors: a.safetensors holds other bytes than were written (sha256 ");
  EXPECT_CONTAINS(damaged.out,
                  "cache: 2 entries verified, 1 does not\nwhat does not is computed again when it is needed next\n");
  EXPECT_EQ(others.exit_code, 0);
  EXPECT_EQ(document.at("verified"), 2);
  EXPECT_EQ(document.at("damaged")[0].at("kind"), "scores");
}

TEST_F(Cache, IsTrimmedToASize) {
  const auto trimmed = espalier({"cache", "trim", "--to", "7kB"});
  const bool has_scores = has("scores/a.safetensors"), has_features = has("features/b.features");
  const auto by_limit = espalier({"cache", "trim"}, {"ESPALIER_CACHE_LIMIT=10"});

  EXPECT_EQ(trimmed.exit_code, 0) << trimmed.err;
  EXPECT_CONTAINS(trimmed.out, "cache: 1 entry removed, 3.1 kB\n");
  EXPECT_FALSE(has_scores);
  EXPECT_TRUE(has_features);
  EXPECT_EQ(by_limit.exit_code, 0);
  EXPECT_FALSE(has("features/b.features"));
  EXPECT_TRUE(has("masks/c.safetensors"));
  EXPECT_CONTAINS(
      by_limit.err,
      "1.1 kB are left, more than 10 bytes: in use, or masks and steps, which go by 'espalier cache clear masks "
      "steps' alone\n");
}

TEST_F(Cache, IsClearedByKind) {
  const auto unasked = espalier({"cache", "clear", "features"});
  const bool stays = has("features/b.features");
  const auto features = espalier({"cache", "clear", "features", "--yes"});
  const bool has_scores = has("scores/a.safetensors"), has_features = has("features/b.features");
  const auto usual = espalier({"cache", "clear", "--yes"});
  const bool has_masks = has("masks/c.safetensors");
  const auto masks = espalier({"cache", "clear", "masks", "--yes"});

  EXPECT_EQ(unasked.exit_code, 2);
  EXPECT_EQ(unasked.err, "cache clear: remove 1 entry, 5.1 kB, of features from " + (folder_ / "cache").string() +
                             "?\n    nobody can be asked here: give --yes\n");
  EXPECT_TRUE(stays);
  EXPECT_EQ(features.exit_code, 0) << features.err;
  EXPECT_CONTAINS(features.out, "cache: 1 entry removed, 5.1 kB\n");
  EXPECT_FALSE(has_features);
  EXPECT_TRUE(has_scores);
  EXPECT_EQ(usual.exit_code, 0);
  EXPECT_FALSE(has("scores/a.safetensors"));
  EXPECT_TRUE(has_masks);
  EXPECT_EQ(masks.exit_code, 0);
  EXPECT_FALSE(has("masks/c.safetensors"));
}

TEST_F(Cache, ThatIsInUseIsNotCleared) {
  const PathLock user(folder_ / "cache/features/b.features", PathLock::Kind::Shared);

  const auto cleared = espalier({"cache", "clear", "features", "--yes"});

  EXPECT_EQ(cleared.exit_code, 0);
  EXPECT_CONTAINS(cleared.out, "cache: 0 entries removed, 0 bytes\n");
  EXPECT_CONTAINS(cleared.err, "1 entry in use by a living process or used just now: not removed\n");
  EXPECT_TRUE(has("features/b.features"));
}

TEST_F(Cache, SaysWhatIsWrongWithALine) {
  const std::pair<std::vector<std::string>, std::string> mistakes[] = {
      {{"cache", "trimm"}, "unknown action of cache 'trimm'\n    did you mean 'trim'?"},
      {{"cache", "clear", "feature"}, "unknown kind of cache entry 'feature'\n    did you mean 'features'?"},
      {{"cache", "trim"},
       "cache trim: nothing says how much is to be left\n    give --to, as in --to 10GiB, or set "
       "ESPALIER_CACHE_LIMIT\n"},
      {{"cache", "trim", "--to", "much"},
       "--to is 'much', expected a number of bytes\n    as in 20GiB, 500MB or 1000000"},
      {{"cache", "clear", "--to", "1GB"}, "cache clear: --to belongs to cache trim\n"},
      {{"cache", "trim", "--yes"}, "cache trim: --yes belongs to cache clear\n"},
      {{"cache", "clear", "--json"}, "cache clear: --json belongs to cache list and cache check\n"},
      {{"cache", "list", "masks"}, "cache list: a kind belongs to cache check and cache clear\n"},
      {{"run", "tiny.toml", "--cache-limit", "20 apples"},
       "--cache-limit is '20 apples', expected a number of bytes\n"},
  };
  for (const auto& [words, message] : mistakes) {
    const auto ran = espalier(words);
    EXPECT_EQ(ran.exit_code, 2) << message;
    EXPECT_CONTAINS(ran.err, message);
  }
  const auto limit = espalier({"run", "tiny.toml"}, {"ESPALIER_CACHE_LIMIT=lots"});
  EXPECT_EQ(limit.exit_code, 2);
  EXPECT_CONTAINS(limit.err, "ESPALIER_CACHE_LIMIT is 'lots', expected a number of bytes\n");
}

TEST_F(Cache, ThatIsNotThereIsEmpty) {
  fs::remove_all(folder_ / "cache");

  EXPECT_CONTAINS(espalier({"cache"}).out, "cache: 0 bytes, no limit");
  EXPECT_EQ(espalier({"cache", "check"}).exit_code, 0);
  EXPECT_EQ(espalier({"cache", "trim", "--to", "0"}).exit_code, 0);
  EXPECT_EQ(espalier({"cache", "clear", "--yes"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_F(Cache, HasAHelpWithAnExample) {
  const auto help = espalier({"cache", "--help"});

  EXPECT_EQ(help.exit_code, 0);
  EXPECT_CONTAINS(help.out, "Example: espalier cache trim --to 10GiB");
}

}  // namespace
}  // namespace espalier::cli
