#include "cli_fixture.h"

namespace espalier::cli {
namespace {

// An experiment of three cells, one of them failed.
class Results : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"}).exit_code, 1);
  }
};

TEST_F(Results, HaveAStatus) {
  const auto ran = espalier({"status", "tiny.toml"});
  const auto document = json(espalier({"status", "results/tiny.db", "--json"}));

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_CONTAINS(ran.out, "the fake fails here");
  EXPECT_EQ(document.at("cells"), 3);
  EXPECT_EQ(document.at("done"), 2);
  EXPECT_EQ(document.at("failed"), 1);
  EXPECT_EQ(document.at("running"), 0);
  EXPECT_EQ(document.at("waiting"), 0);
}

TEST_F(Results, AreWatchedUntilNothingIsLeftToDo) {
  const auto ran = espalier({"status", "tiny.toml", "--watch"});

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_CONTAINS(ran.out, "the fake fails here");
}

TEST_F(Results, MakeATableInEveryFormat) {
  for (const char* format : {"terminal", "markdown", "csv", "json"}) {
    const auto ran = espalier({"table", "tiny.toml", "--rows", "scorer", "--columns", "sparsity", "--format", format});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_CONTAINS(ran.out, "magnitude");
    EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
  }
}

TEST_F(Results, MakeATableThatFitsWithoutAxesAskedFor) {
  const auto ran = espalier({"table", "tiny.toml", "--format", "csv"});
  const auto none = espalier({"table", "tiny.toml", "--rows", ","});

  EXPECT_TRUE(ran.out.starts_with("granularity,scorer,scope,sparsity,value,")) << ran.out;
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_CONTAINS(none.err, "a table needs at least one axis for its rows");
}

TEST_F(Results, NameTheNearestFormat) {
  const auto ran = espalier({"table", "tiny.toml", "--format", "markdwon"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "did you mean 'markdown'?");
}

TEST_F(Results, ShowACell) {
  const auto failure = json(espalier({"status", "tiny.toml", "--json"})).at("failures").at(0);
  const auto key = failure.at("key").get<std::string>();

  const auto text = espalier({"show", "tiny.toml", key.substr(0, 12)});
  const auto document = json(espalier({"show", "results/tiny.db", key.substr(0, 12), "--json"}));
  const auto unknown = espalier({"show", "tiny.toml", "0000000000000000"});

  EXPECT_EQ(text.exit_code, 0);
  EXPECT_CONTAINS(text.out, "the fake fails here");
  EXPECT_EQ(document.at("key"), key);
  EXPECT_EQ(unknown.exit_code, 4);
}

TEST_F(Results, AreNotThereBeforeARun) {
  write_experiment("new.toml", "new", "0");

  const auto by_file = espalier({"status", "new.toml"});
  const auto by_database = espalier({"table", "results/new.db"});

  EXPECT_EQ(by_file.exit_code, 4);
  EXPECT_EQ(by_file.err, "results/new.db: there is no such database yet\n    looked for in " + folder_.path().string() +
                             "\n    run: espalier run new.toml\n");
  EXPECT_EQ(by_database.exit_code, 4);
  EXPECT_CONTAINS(by_database.err, "results/new.db");
}

}  // namespace
}  // namespace espalier::cli
