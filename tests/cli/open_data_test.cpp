// `espalier query` and `espalier export` as a user meets them.
#include "cli_fixture.h"

namespace espalier::cli {
namespace {

class OpenData : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"}).exit_code, 1);
  }
};

TEST_F(OpenData, AnswersAQuestionInEveryFormat) {
  const std::string sql = "SELECT state, count(*) AS n FROM cells GROUP BY state ORDER BY state";
  const auto ask = [&](const std::string& format) {
    const auto ran = espalier({"query", "results/tiny.db", "--sql", sql, "--format", format});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out;
  };

  EXPECT_EQ(ask("terminal"), "state   n\ndone    2\nfailed  1\n");
  EXPECT_EQ(ask("markdown"), "| state | n |\n| --- | --- |\n| done | 2 |\n| failed | 1 |\n");
  EXPECT_EQ(ask("csv"), "state,n\r\ndone,2\r\nfailed,1\r\n");
  EXPECT_EQ(nlohmann::json::parse(ask("json")).at("rows"), nlohmann::json::parse(R"([["done", 2], ["failed", 1]])"));
}

TEST_F(OpenData, ReadsTheQuestionFromAFileAndNamesItsPlaces) {
  folder_.write("good.sql", "-- how many?\nSELECT count(*) AS cells\nFROM cells;\n");
  folder_.write("bad.sql", "SELECT key,\n       acuracy\nFROM ablation\n");
  const auto good = espalier({"query", "tiny.toml", "--file", "good.sql"});
  const auto bad = espalier({"query", "tiny.toml", "--file", "bad.sql"});

  EXPECT_EQ(good.out, "cells\n    3\n") << good.err;
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_TRUE(bad.err.starts_with("bad.sql:2:8: no such column: acuracy\n    did you mean 'accuracy'?")) << bad.err;
}

TEST_F(OpenData, SaysWhereRowsWereLeftOut) {
  const auto ran = espalier({"query", "tiny.toml", "--sql", "SELECT position FROM cells ORDER BY 1", "--rows", "2"});

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "position\n       0\n       1\n");
  EXPECT_EQ(ran.err, "the first 2 rows; there are more: --rows 0 gives all of them\n");
}

TEST_F(OpenData, RefusesToChangeAnything) {
  const auto ran = espalier({"query", "tiny.toml", "--sql", "DELETE FROM cell"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err, "--sql:1:1: DELETE is refused: a query only reads, expected SELECT, WITH or VALUES\n");
  EXPECT_EQ(espalier({"query", "tiny.toml", "--sql", "SELECT count(*) FROM cell", "--format", "csv"}).out,
            "count(*)\r\n3\r\n");
}

TEST_F(OpenData, NeedsOneQuestion) {
  for (const auto& words : {std::vector<std::string>{"query", "tiny.toml"},
                            {"query", "tiny.toml", "--sql", "SELECT 1", "--file", "x.sql"}}) {
    const auto ran = espalier(words);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_CONTAINS(ran.err, "query needs one text, expected --sql TEXT or --file FILE");
  }
  const auto latex = espalier({"query", "tiny.toml", "--sql", "SELECT 1", "--format", "latex"});
  EXPECT_EQ(latex.exit_code, 2);
  EXPECT_CONTAINS(latex.err, "'latex' is no format of a query, expected terminal, markdown, csv or json");
  EXPECT_EQ(espalier({"query", "tiny.toml", "--file", "none.sql"}).exit_code, 5);
  EXPECT_EQ(espalier({"query", "none.db", "--sql", "SELECT 1"}).exit_code, 4);
}

TEST_F(OpenData, IsWrittenAsFiles) {
  const auto ran = espalier({"export", "tiny.toml", "--csv", "out/csv", "--parquet", "out/parquet", "--json"});

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto document = json(ran);
  ASSERT_EQ(document.size(), 2);
  for (const auto& part : document) {
    for (const auto& file : part.at("files")) {
      const auto path = folder_ / part.at("folder").get<std::string>() / file.at("file").get<std::string>();
      EXPECT_EQ(std::filesystem::file_size(path), file.at("bytes"));
    }
  }
  EXPECT_EQ(document[0].at("files")[0].at("rows"), 3);
}

TEST_F(OpenData, IsWrittenToNoFolderThatHoldsAnythingElse) {
  const auto ran = espalier({"export", "tiny.toml", "--csv", "model"});

  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_CONTAINS(ran.err, "model: holds something that no export wrote");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "model/config.json"));
}

TEST_F(OpenData, NeedsToKnowWhereToBeWritten) {
  const auto ran = espalier({"export", "tiny.toml"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_CONTAINS(ran.err, "export needs to know what to write, expected --csv DIR, --parquet DIR or --datasette FILE");
}

TEST_F(OpenData, HasHelpWithAnExample) {
  for (const char* command : {"query", "export"}) {
    const auto ran = espalier({command, "--help"});
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_CONTAINS(ran.out, std::string("Example: espalier ") + command);
  }
}

}  // namespace
}  // namespace espalier::cli
