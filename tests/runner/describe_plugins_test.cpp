#include <espalier/error.h>

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

TEST_F(DescribePlugins, AsksAgainWhenAPluginFileChanges) {
  const auto plugin = folder_.write("plugins/one.so", "one");
  describe_plugins({(folder_ / "plugins").string()});
  folder_.write("plugins/one.so", "another");
  describe_plugins({(folder_ / "plugins").string()});

  EXPECT_EQ(journal().size(), 2U);
}

TEST_F(DescribePlugins, GoesOnWhereTheCacheCannotBeWritten) {
  set("ESPALIER_CACHE", "/proc/no-such-folder");

  EXPECT_EQ(describe_plugins({}).plugins.size(), 3U);
}

TEST_F(DescribePlugins, AsksAgainWhereTheCacheIsBroken) {
  describe_plugins({});
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache")) {
    std::ofstream(entry.path()) << "{\"plugins\": 3}";
  }

  EXPECT_EQ(describe_plugins({}).plugins.size(), 3U);
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
