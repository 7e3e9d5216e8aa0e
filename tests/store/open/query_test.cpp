#include "store/open/query.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "store/open/described_columns.h"
#include "store/sample_cells.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::store {
namespace {

using Rows = std::vector<std::vector<QueryValue>>;

class Queries : public testing::Test {
 protected:
  void SetUp() override {
    ResultStore store(database, Mode::Create);
    store.insert(test::sample_experiment(), test::sample_cells(3), false);
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), test::done_attempt(0.8)));
  }

  QueryEnd run(const std::string& sql, const QueryLimits& limits = {}) {
    names.clear();
    rows.clear();
    QueryConnection connection(database);
    return connection.run(
        {sql, "--sql"}, limits, [&](const auto& columns) { names = columns; },
        [&](const auto& row) { rows.push_back(row); });
  }
  std::string refusal(const std::string& sql, const QueryLimits& limits = {}) {
    return test::message_of<SettingsError>([&] { run(sql, limits); });
  }

  test::TempDir folder;
  const std::filesystem::path database = folder / "results.db";
  std::vector<std::string> names;
  Rows rows;
};

TEST_F(Queries, GiveEveryKindOfValueAsItIs) {
  run("SELECT 1 AS a, 2.5 AS a, NULL, 'text', x'00ff', 9e999, -9223372036854775807 - 1");

  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(names[0], "a");
  EXPECT_EQ(names[1], "a");
  EXPECT_EQ(rows, (Rows{{std::int64_t{1}, 2.5, std::monostate{}, std::string("text"), Bytes{std::string("\0\xff", 2)},
                         infinity, std::numeric_limits<std::int64_t>::min()}}));
}

TEST_F(Queries, ReadTheViews) {
  run("SELECT accuracy, achieved_sparsity FROM ablation");
  EXPECT_EQ(rows, (Rows{{0.8, 0.5}}));

  run("SELECT count(*) FROM cells WHERE state = 'waiting'");
  EXPECT_EQ(rows, (Rows{{std::int64_t{2}}}));
}

TEST_F(Queries, StopAtTheLimitOfRowsAndSayThatThereAreMore) {
  const auto some = run("SELECT key FROM cells", {.rows = 2});
  const auto all = run("SELECT key FROM cells", {.rows = 3});

  EXPECT_EQ(some.rows, 2);
  EXPECT_FALSE(some.complete);
  EXPECT_EQ(all.rows, 3);
  EXPECT_TRUE(all.complete);
}

TEST_F(Queries, NameTheirColumnsWhereThereIsNoRow) {
  run("SELECT key, state FROM cells WHERE false");

  EXPECT_EQ(names, (std::vector<std::string>{"key", "state"}));
  EXPECT_TRUE(rows.empty());
}

TEST_F(Queries, RefuseEverythingThatDoesMoreThanRead) {
  const auto bytes = read_file(database);
  const std::vector<std::pair<std::string, std::string>> statements = {
      {"DELETE FROM cell", "DELETE"},
      {"UPDATE cell SET state = 'done'", "UPDATE"},
      {"INSERT INTO metric VALUES (1, 'a', 1)", "INSERT"},
      {"DROP VIEW cells", "DROP"},
      {"CREATE TEMP TABLE a (b)", "CREATE"},
      {"ATTACH '" + (folder / "other.db").string() + "' AS other", "ATTACH"},
      {"VACUUM INTO '" + (folder / "copy.db").string() + "'", "VACUUM"},
      {"PRAGMA journal_mode = DELETE", "PRAGMA"},
      {"PRAGMA query_only = OFF", "PRAGMA"},
      {"PRAGMA user_version = 1", "PRAGMA"},
      {"BEGIN IMMEDIATE", "BEGIN"},
      {"EXPLAIN DELETE FROM cell", "DELETE"},
      {"SELECT load_extension('x')", "load_extension"}};
  for (const auto& [sql, what] : statements) {
    EXPECT_NE(refusal(sql).find(what + " is refused: a query only reads, expected SELECT, WITH or VALUES"),
              std::string::npos)
        << sql << "\n"
        << refusal(sql);
  }
  EXPECT_EQ(read_file(database), bytes);
  EXPECT_FALSE(std::filesystem::exists(folder / "other.db"));
  EXPECT_FALSE(std::filesystem::exists(folder / "copy.db"));
}

TEST_F(Queries, AllowWhatDescribesTables) {
  EXPECT_NO_THROW(run("PRAGMA table_info(cells)"));
  EXPECT_NO_THROW(run("SELECT name FROM pragma_table_info('cells')"));
  EXPECT_NO_THROW(run("SELECT value FROM json_each('[1, 2]')"));
  EXPECT_NO_THROW(run("EXPLAIN QUERY PLAN SELECT * FROM cells"));
}

TEST_F(Queries, NameTheNearestColumnTableOrFunction) {
  EXPECT_EQ(
      refusal("SELECT\n  acuracy FROM ablation"),
      "--sql:2:3: no such column: acuracy\n    did you mean 'accuracy'?\n    the views are cells, points, ablation "
      "and latencies; docs/open-data.md has their columns");
  EXPECT_EQ(
      refusal("SELECT * FROM ablatin"),
      "--sql:1:15: no such table: ablatin\n    did you mean 'ablation'?\n    the views are cells, points, ablation "
      "and latencies");
  EXPECT_EQ(refusal("SELECT avgg(accuracy) FROM ablation"),
            "--sql:1:8: no such function: avgg\n    did you mean 'avg'?");
  EXPECT_EQ(refusal("SELECT 1 FRM cells"), "--sql:1:14: near \"cells\": syntax error");
}

TEST_F(Queries, TakeOneStatementAndNoMore) {
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"),
            "--sql:1:10: a second statement, expected one query\n    put each into a command of its own");
  EXPECT_NO_THROW(run("SELECT 1; -- and a comment\n;"));
  EXPECT_EQ(refusal("-- nothing"), "--sql: is empty, expected a query, as in SELECT * FROM ablation");
  EXPECT_EQ(refusal(std::string("SELECT 1\0; DROP", 15)),
            "--sql:1:9: a byte that is zero, expected the text of a query");
}

TEST_F(Queries, EndWhenTheirTimeIsOver) {
  EXPECT_EQ(
      refusal("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
              {.seconds = 0.05}),
      "--sql:1:1: took longer than its limit and was stopped\n    ask for less, or give it longer with --timeout");
}

TEST_F(Queries, RefuseValuesThatFillTheMemory) {
  EXPECT_NE(refusal("SELECT hex(zeroblob(300000000))").find("a value becomes too long"), std::string::npos);
}

TEST_F(Queries, ReadADatabaseThatAnEarlierVersionMade) {
  const auto earlier = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/store/version-5.db";
  std::filesystem::copy_file(earlier, folder / "earlier.db");
  QueryConnection connection(folder / "earlier.db");
  Rows found;
  connection.run(
      {"SELECT count(dense_joules) FROM latencies", "--sql"}, {}, [](const auto&) {},
      [&](const auto& row) { found.push_back(row); });

  EXPECT_EQ(found, (Rows{{std::int64_t{0}}}));
}

TEST_F(Queries, OfAFileThatIsNoDatabaseSayWhatIsWrong) {
  write_file(folder / "text.db", std::string(4096, 'a'));
  EXPECT_NE(test::message_of<StoreError>([&] {
              QueryConnection connection(folder / "text.db");
            }).find("is no SQLite database"),
            std::string::npos);
}

TEST_F(Queries, FindEveryColumnOfEveryViewDescribed) {
  QueryConnection connection(database);
  for (const auto view : open_views) {
    std::vector<std::string> described;
    for (const auto& column : described_view(view).columns) {
      described.push_back(column.name);
      EXPECT_FALSE(column.meaning.empty()) << column.name;
    }
    EXPECT_EQ(described, connection.columns_of(view)) << view;
  }
}

// SQLite's own types of the values, against those that are promised.
TEST_F(Queries, FindValuesOfTheTypesThatAreDescribed) {
  for (const auto& view : described_views()) {
    run("SELECT * FROM " + view.name);
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (std::holds_alternative<std::monostate>(row[i])) continue;
        const auto type = view.columns[i].type;
        const std::size_t expected = type == ColumnType::Text ? 3 : type == ColumnType::Real ? 2 : 1;
        EXPECT_EQ(row[i].index(), expected) << view.name << "." << view.columns[i].name;
      }
    }
  }
}

TEST_F(Queries, FindEveryColumnInTheDocumentation) {
  const auto page = read_file(std::filesystem::path(ESPALIER_SOURCE_DIR) / "docs/views.md");
  for (const auto& view : described_views()) {
    EXPECT_NE(page.find("`" + view.name + "`"), std::string::npos) << view.name;
    for (const auto& column : view.columns)
      EXPECT_NE(page.find("`" + column.name + "`"), std::string::npos) << view.name << "." << column.name;
  }
}

}  // namespace
}  // namespace espalier::store
