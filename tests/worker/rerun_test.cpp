// Cells computed again from the command line, and limits of a run, on a tiny checkpoint.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tiny_world.h"

namespace espalier {
namespace {

using nlohmann::json;
using test::TinyWorld;

class Rerun : public ::testing::Test {
 protected:
  static const TinyWorld& world() {
    static const TinyWorld world;
    static const bool computed = [] {
      world.folder.write("tiny.toml", world.experiment("granularity = \"head\"\nscorer = [\"magnitude\", \"fisher\"]\n"
                                                       "sparsity = [0.25, 0.5]\n"));
      return world.espalier({"run", "tiny.toml", "--threads", "1"}).exit_code == 0;
    }();
    EXPECT_TRUE(computed);
    return world;
  }
  static std::vector<std::string> keys() {
    std::vector<std::string> keys;
    for (const auto& cell : json::parse(world().espalier({"cells", "tiny.toml", "--format", "json"}).out))
      keys.push_back(cell["key"]);
    return keys;
  }
};

TEST_F(Rerun, OnAsManyThreadsGivesTheSameBits) {
  const auto ran = world().espalier({"rerun", "results/tiny.db", keys()[0], keys()[3].substr(0, 10), "--json"});

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto said = json::parse(ran.out);
  ASSERT_EQ(said["cells"].size(), 2U);
  for (const auto& cell : said["cells"]) {
    EXPECT_EQ(cell["rung"], "identical") << cell;
    EXPECT_EQ(cell["scores_equal"], true) << cell;
    EXPECT_EQ(cell["circumstances"], json::array()) << cell;
  }
}

TEST_F(Rerun, FromNothingTrainsTheBaseModelAgain) {
  const auto ran = world().espalier({"rerun", "tiny.toml", keys()[1], "--from-nothing"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            keys()[1].substr(0, 12) + "  identical: scores equal, masks equal, predictions equal, metrics equal\n");
}

TEST_F(Rerun, OnOtherThreadsSaysSo) {
  const auto ran = world().espalier({"rerun", "tiny.toml", keys()[0], "--threads", "2"});

  EXPECT_NE(ran.out.find("\n    threads 2, then 1\n"), std::string::npos) << ran.out << ran.err;
}

TEST_F(Rerun, RefusesWhatIsNotThere) {
  const auto ran = world().espalier({"rerun", "tiny.toml", "zzz"});

  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_NE(ran.err.find("holds no cell whose key starts with 'zzz'"), std::string::npos) << ran.err;
}

TEST_F(Rerun, IsToldByShow) {
  const auto ran = world().espalier({"show", "tiny.toml", keys()[0]});

  EXPECT_NE(ran.out.find("again, from nothing: espalier rerun results/tiny.db " + keys()[0].substr(0, 12) +
                         " --from-nothing\n"),
            std::string::npos)
      << ran.out;
}

TEST_F(Rerun, OfARandomShareFollowsARun) {
  const TinyWorld other;
  other.folder.write("tiny.toml", other.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n"));

  const auto ran = other.espalier({"run", "tiny.toml", "--threads", "1", "--verify-every", "20"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("computed again: 1 of 1 cell, 1 identical"), std::string::npos) << ran.err;
}

TEST(Limits, OfAFileEndACellThatTakesTooLong) {
  const TinyWorld world;
  const auto grid = world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n");
  world.folder.write("tiny.toml", grid + "[limits]\ncell_timeout = \"10ms\"\n");

  const auto ran = world.espalier({"run", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 1) << ran.err;
  EXPECT_NE(ran.err.find("the attempt took longer than its limit of 0.01 s, and was ended"), std::string::npos)
      << ran.err;
  EXPECT_EQ(world.espalier({"run", "tiny.toml", "--cell-timeout", "10min"}).exit_code, 0);
}

TEST(Limits, ThatAreNoneAreRefusedAtOnce) {
  const TinyWorld world;
  const auto ran = world.espalier({"run", "no.toml", "--cell-timeout", "soon"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_TRUE(ran.err.starts_with("--cell-timeout is 'soon', expected a time of more than 0")) << ran.err;
}

TEST(Pause, HoldsARunUntilItIsResumed) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n"));
  ASSERT_EQ(world.espalier({"run", "tiny.toml"}).exit_code, 0);

  EXPECT_EQ(world.espalier({"pause", "tiny.toml"}).out, "tiny: paused\n");
  EXPECT_EQ(world.espalier({"pause", "results/tiny.db"}).out, "tiny: is paused already\n");
  EXPECT_NE(world.espalier({"status", "tiny.toml"})
                .out.find("paused: no further cell is begun until: espalier resume results/tiny.db\n"),
            std::string::npos);
  EXPECT_EQ(json::parse(world.espalier({"status", "tiny.toml", "--json"}).out)["paused"], json::array({"tiny"}));
  const auto ran = world.espalier({"run", "tiny.toml", "--set", "grid.sparsity=0.25", "--time-limit", "1s"});
  const auto watched = world.espalier({"status", "tiny.toml", "--set", "grid.sparsity=0.25", "--watch"});
  EXPECT_EQ(watched.exit_code, 0);
  EXPECT_EQ(watched.err, "no run is at work: espalier run goes on\n");
  EXPECT_EQ(ran.exit_code, 130);
  EXPECT_NE(ran.err.find("paused: no cell is begun until: espalier resume results/tiny.db"), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("--time-limit 1s is over: 0 of 1 cell are done"), std::string::npos) << ran.err;
  EXPECT_EQ(world.espalier({"resume", "tiny.toml"}).out, "tiny: goes on\n");
  EXPECT_EQ(world.espalier({"resume", "tiny.toml"}).out, "tiny: is not paused\n");
}

}  // namespace
}  // namespace espalier
