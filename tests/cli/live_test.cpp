// Watching a run, and asking why a cell is not done.
#include <regex>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

using nlohmann::json;

class LiveTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_experiment("tiny.toml", "tiny", "[0, 1, 2]", "skip = [{ seed = 2 }]\n");
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> found;
    for (const auto& cell : json::parse(espalier({"cells", "tiny.toml", "--format", "json"}).out))
      found.push_back(cell.at("key"));
    return found;
  }
  test::Ran explained(const std::string& key) const { return espalier({"explain", "tiny.toml", key}); }
};

TEST_F(LiveTest, WatchingEndsWithTheRun) {
  espalier({"run", "tiny.toml"});

  const auto ran = espalier({"status", "tiny.toml", "--watch", "--every", "0.2"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("2 cells: 2 done")) << ran.out;
}

TEST_F(LiveTest, WatchingShowsWhoHoldsACellAndEndsWellOnCtrlC) {
  const auto ran =
      start({"/bin/sh", "-c",
             test::program("espalier") + " run tiny.toml >/dev/null 2>&1 & until " + test::program("espalier") +
                 " status tiny.toml 2>/dev/null | grep -q ' 1 running'; do sleep 0.05; done; " +
                 "timeout --preserve-status -s INT 1.5 " + test::program("espalier") +
                 " status tiny.toml --watch --every 0.2; echo \"exit $?\"; kill -INT $!; wait"},
            {"FAKE_SLEEP=8"});

  EXPECT_TRUE(std::regex_search(ran.out, std::regex("workers:\n  .*:\\d+ .* cell [0-9a-f]{12} for "))) << ran.out;
  EXPECT_NE(ran.out.find("exit 0"), std::string::npos) << ran.out;
}

TEST_F(LiveTest, EveryNeedsWatch) {
  const auto ran = espalier({"status", "tiny.toml", "--every", "2"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_NE(ran.err.find("--watch"), std::string::npos) << ran.err;
}

TEST_F(LiveTest, ExplainsAFailedCellByItsAttempts) {
  espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"});
  const auto key = keys().at(1);

  const auto ran = explained(key.substr(0, 10));
  const auto document = json::parse(espalier({"explain", "results/tiny.db", key, "--json"}).out);

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_TRUE(ran.out.starts_with("cell " + key.substr(0, 12) +
                                  ": failed\n  it failed: the next 'espalier run' tries it again\n"
                                  "  attempt 1 failed at "))
      << ran.out;
  EXPECT_NE(ran.out.find(": the fake fails here\n"), std::string::npos) << ran.out;
  EXPECT_EQ(document.at("state"), "failed");
  EXPECT_EQ(document.at("attempts").at(0).at("message"), "the fake fails here\n    as it was told");
  EXPECT_TRUE(document.at("holder").is_null());
}

TEST_F(LiveTest, ExplainsWhatTheLastRunWasNotAskedFor) {
  espalier({"run", "tiny.toml", "--only", "seed=0"});

  EXPECT_NE(explained(keys().at(1)).out.find(": waiting\n  the last run was not asked for it (--only, --max-cells)\n"),
            std::string::npos)
      << explained(keys().at(1)).out;
}

TEST_F(LiveTest, ExplainsWhatASkipExcludes) {
  espalier({"run", "tiny.toml", "--set", "grid.skip=[]"});
  const auto document = json::parse(espalier({"cells", "results/tiny.db", "--format", "json"}).out);
  const std::string key = document.at(2).at("key");

  EXPECT_NE(explained(key).out.find("  a skip in tiny.toml excludes it\n"), std::string::npos) << explained(key).out;
}

TEST_F(LiveTest, ExplainsThatNothingIsThereYet) {
  const auto ran = explained("zzz");

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_TRUE(
      ran.err.starts_with("tiny.toml: none of its cells, skipped ones included, has a key that begins with 'zzz', and "
                          "it has no database yet\n"))
      << ran.err;
}

}  // namespace
}  // namespace espalier::cli
