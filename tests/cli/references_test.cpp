#include "cli_fixture.h"

namespace espalier::cli {
namespace {

class References : public CliTest {};

TEST_F(References, AreListedBesideTheProgram) {
  const auto document = json(espalier({"published", "--json"}));

  std::int64_t cells = 0;
  for (const auto& table : document.at("published")) cells += table.at("cells").get<std::int64_t>();
  EXPECT_EQ(cells, 1660);
  EXPECT_CONTAINS(espalier({"published"}).out, "silence-of-the-weights.whisper");
}

TEST_F(References, ShowASliceOfTheirCells) {
  const auto ran = espalier({"published", "silence-of-the-weights.ast-audioset", "--only", "scorer=none,metric=map"});

  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_CONTAINS(ran.out, "0.3226  measured");
  EXPECT_CONTAINS(ran.out, "1 of 376 cells");
}

TEST_F(References, RefuseUnknownNamesAndAxes) {
  const auto name = espalier({"published", "astar-2012"});
  EXPECT_EQ(name.exit_code, 2);
  EXPECT_CONTAINS(name.err, "did you mean 'astar-2021'?");
  const auto axis = espalier({"published", "astar-2021", "--only", "metrik=map"});
  EXPECT_EQ(axis.exit_code, 2);
  EXPECT_CONTAINS(axis.err, "did you mean 'metric'?");
  EXPECT_EQ(espalier({"published", "--check"}).exit_code, 2);
}

TEST_F(References, MeetADatabase) {
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  const auto document = json(espalier({"verify", "tiny.toml", "astar-2021", "--json"}));

  EXPECT_EQ(document.at("cells").size(), 2u);
  EXPECT_EQ(document.at("summary").at("missing"), 2);
  EXPECT_CONTAINS(espalier({"verify", "tiny.toml", "astar-2021"}).out, "it has 'small' on 'few'");
}

TEST_F(References, MeetADatabaseAllAtOnce) {
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  const auto document = json(espalier({"verify", "tiny.toml", "all", "--json"}));

  std::int64_t cells = 0;
  for (const auto& [verdict, count] : document.at("summary").items()) cells += count.get<std::int64_t>();
  EXPECT_EQ(cells, 1660);
  EXPECT_EQ(document.at("references").size(), json(espalier({"published", "--json"})).at("published").size());
  EXPECT_EQ(document.at("references").at(0).at("request").at("distance"), 0.5);
  EXPECT_CONTAINS(espalier({"verify", "tiny.toml", "all"}).out, "1660 published cells: 1660 missing");
  const auto unknown = espalier({"verify", "tiny.toml", "all", "--model", "nobody=small"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_CONTAINS(unknown.err, "no published table has a model or data set 'nobody'");
}

TEST_F(References, RefuseWhatIsNoDatabaseAndNoTable) {
  folder_.write("text.db", "no database");
  folder_.write("text.toml", "no table");
  EXPECT_EQ(espalier({"verify", "absent.db", "astar-2021"}).exit_code, 4);
  EXPECT_EQ(espalier({"verify", "text.db", "astar-2021"}).exit_code, 4);
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  const auto ran = espalier({"verify", "results/tiny.db", "text.toml"});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_CONTAINS(ran.err, "text.toml:1:4: this is not TOML");
  EXPECT_EQ(espalier({"verify", "results/tiny.db", "absent.toml"}).exit_code, 5);
  EXPECT_EQ(espalier({"verify", "results/tiny.db", "astar-2021", "--model", "bert"}).exit_code, 2);
}

TEST_F(References, ExplainThemselves) {
  for (const char* command : {"verify", "published"}) {
    const auto ran = espalier({command, "--help"});
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_CONTAINS(ran.out, "Example: espalier ");
  }
}

}  // namespace
}  // namespace espalier::cli
