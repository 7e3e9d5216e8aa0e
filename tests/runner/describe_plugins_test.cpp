#include <espalier/error.h>
#include <sys/stat.h>

#include "runner/plugin_descriptions.h"
#include "runner_fixture.h"
#include "support/message_of.h"

namespace espalier::runner {
namespace {

using DescribePlugins = RunnerTest;
using test::message_of;

TEST_F(DescribePlugins, AsksTheWorkerOnce) {
  const auto first = describe_plugins({});
  const auto second = describe_plugins({});

  EXPECT_EQ(journal().size(), 1U);
  ASSERT_EQ(second.plugins.size(), 3U);
  EXPECT_EQ(second.plugins[0].name, "magnitude");
  EXPECT_EQ(std::get<std::int64_t>(second.plugins[0].settings.at(0).default_value), 1);
}

TEST_F(DescribePlugins, AsksAgainForAFileThatChangedAndForNoOther) {
  const auto one = folder_.write("more/one.so", "scorer 1.0").string();
  describe_plugins({(folder_ / "more").string()});
  folder_.write("more/one.so", "scorer 2.0");
  const auto again = describe_plugins({(folder_ / "more").string()});

  EXPECT_EQ(journal().size(), 2U);
  EXPECT_EQ(journal("journal.files").size(), 5U);
  EXPECT_EQ(journal("journal.files").back(), one);
  ASSERT_EQ(again.plugins.size(), 4U);
  EXPECT_EQ(again.plugins[3].version, "2.0");
  EXPECT_EQ(again.plugins[3].file, one);
  EXPECT_EQ(again.plugins[3].file_digest, sha256_hex("scorer 2.0"));
}

TEST_F(DescribePlugins, LeavesOneBadFileOutAndLooksAtItAgain) {
  const auto bad = folder_.write("more/bad_one.so", "scorer 1.0").string();
  set("FAKE_REFUSED", "bad-one");
  const auto first = describe_plugins({bad});
  set("FAKE_REFUSED", "none");
  const auto second = describe_plugins({bad});

  EXPECT_EQ(first.plugins.size(), 3U);
  ASSERT_EQ(first.refused.size(), 1U);
  EXPECT_EQ(first.refused[0].file, bad);
  EXPECT_EQ(first.refused[0].message, bad + ": is no plugin");
  EXPECT_EQ(second.plugins.size(), 4U);
}

TEST_F(DescribePlugins, TakesTheFirstOfTwoFilesWithOneName) {
  const auto second = folder_.write("more/random.so", "scorer 9.0").string();

  const auto found = describe_plugins({(folder_ / "more").string()});

  EXPECT_EQ(found.plugins.size(), 3U);
  ASSERT_EQ(found.refused.size(), 1U);
  EXPECT_EQ(found.refused[0].message, second + ": scorer 'random' is already provided by " +
                                          (folder_ / "plugins/random.so").string() +
                                          "\n    give one of the two another name");
}

TEST_F(DescribePlugins, SaysWhatIsCalledLikeAPluginAndIsNoFile) {
  std::filesystem::create_directories(folder_ / "more/folder.so");
  std::filesystem::create_symlink("nowhere", folder_ / "more/link.so");
  ASSERT_EQ(::mkfifo((folder_ / "more/pipe.so").c_str(), 0600), 0);
  folder_.write("more/notes.txt", "no plugin");

  const auto found = describe_plugins({(folder_ / "more").string()});

  ASSERT_EQ(found.refused.size(), 3U);
  const auto more = (folder_ / "more").string();
  EXPECT_TRUE(found.refused[0].message.starts_with(more + "/folder.so: is a folder, and is called like a plugin"));
  EXPECT_EQ(found.refused[1].message, more + "/link.so: is a link to a file that is not there");
  EXPECT_EQ(found.refused[2].message, more + "/pipe.so: is no ordinary file, and cannot be a plugin");
}

// Descriptions belong to no experiment: planning one leaves nothing in the working folder.
TEST_F(DescribePlugins, KeepsWhatItKnowsInTheUsersCacheFolder) {
  ::unsetenv("ESPALIER_CACHE");
  set("XDG_CACHE_HOME", (folder_ / "home").string());

  describe_plugins({});

  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "home/espalier/plugins"));
  EXPECT_FALSE(std::filesystem::exists("results/cache"));
}

TEST_F(DescribePlugins, GoesOnWhereTheCacheCannotBeWritten) {
  set("ESPALIER_CACHE", "/proc/no-such-folder");

  EXPECT_EQ(describe_plugins({}).plugins.size(), 3U);
}

TEST_F(DescribePlugins, AsksAgainWhereTheCacheIsBroken) {
  describe_plugins({});
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache/plugins")) {
    std::ofstream(entry.path()) << "{\"plugins\": 3}";
  }

  EXPECT_EQ(describe_plugins({}).plugins.size(), 3U);
  EXPECT_EQ(journal().size(), 2U);
}

TEST_F(DescribePlugins, SaysWhatTheWorkerSaidWhenItCannot) {
  set("FAKE_DESCRIBE_EXIT", "3");

  const auto message = message_of<PluginError>([] { describe_plugins({}); });

  EXPECT_NE(message.find("the plugins cannot be described"), std::string::npos) << message;
  EXPECT_NE(message.find("\n    error: the fake cannot describe"), std::string::npos) << message;
}

TEST_F(DescribePlugins, RefusesAPathThatDoesNotExist) {
  EXPECT_EQ(message_of<SettingsError>([] { describe_plugins({"no/such.so"}); }),
            "--plugins: 'no/such.so' does not exist");
}

TEST_F(DescribePlugins, SaysWhereTheWorkerShouldBe) {
  set("ESPALIER_WORKER", "/no/espalier-worker");

  const auto message = message_of<SettingsError>([] { describe_plugins({}); });

  EXPECT_TRUE(message.starts_with("/no/espalier-worker: the program that computes is not there")) << message;
}

}  // namespace
}  // namespace espalier::runner
