// Databases that earlier versions of this program made: read as they are, and brought up to date when they are written.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "connection.h"
#include "store/result_store.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;

const std::array<std::string, 5> keys = {"aa0", "bb1", "cc2", "dd3", "ee4"};

class OldDatabases : public ::testing::TestWithParam<int> {
 protected:
  OldDatabases() { fs::copy_file(fixture(".db"), file); }
  static fs::path fixture(const std::string& ending) {
    return fs::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/store" / ("version-" + std::to_string(GetParam()) + ending);
  }
  // What the program of version 3 printed of each cell.
  static void expect_shown_as_before(const ResultStore& store) {
    std::ifstream lines(fixture(".shown.jsonl"));
    for (const auto& key : keys) {
      std::string expected;
      std::getline(lines, expected);
      EXPECT_EQ(json_text(to_json(store.read(key))), expected);
    }
  }
  // heads_kept, evaluations, flops and multiply_adds of each point of a cell; -1: NULL.
  using Counts = std::array<std::int64_t, 4>;
  static std::vector<Counts> counts(const ResultStore& store, const std::string& key) {
    const auto rows = store.points("demo");
    const auto place = [&](const std::string& column) {
      return static_cast<std::size_t>(std::find(rows.columns.begin(), rows.columns.end(), column) -
                                      rows.columns.begin());
    };
    std::vector<Counts> found;
    for (const auto& row : rows.rows) {
      if (row.at(place("key")).text != key) continue;
      auto& count = found.emplace_back();
      for (std::size_t i = 0; i < 4; ++i) {
        const auto& value = row.at(place("heads_kept") + i);
        count[i] = value.kind == Value::Kind::Null ? -1 : value.integer;
      }
    }
    return found;
  }
  static void expect_columns_filled(const ResultStore& store) {
    constexpr std::int64_t flops = 12890783424, macs = 6434231808;
    EXPECT_EQ(counts(store, "aa0"),
              (std::vector<Counts>{{24, -1, flops, macs}, {12, -1, flops, macs}, {12, -1, flops, macs}}));
    const std::int64_t evaluations = GetParam() == 1 ? -1 : 84;
    EXPECT_EQ(counts(store, "bb1")[1], (Counts{12, evaluations, flops, macs}));
    const auto odd = counts(store, "dd3");
    ASSERT_EQ(odd.size(), 11U);
    for (std::size_t i = 3; i < odd.size(); ++i)
      EXPECT_EQ(odd[i], i == 9 ? (Counts{3, 84, -1, -1}) : (Counts{-1, -1, -1, -1})) << i;
  }

  test::TempDir folder;
  fs::path file = folder / "results.db";
};

TEST_P(OldDatabases, AreReadAsTheyAre) {
  {
    const ResultStore store(file, Mode::ReadOnly);
    expect_shown_as_before(store);
    expect_columns_filled(store);
  }
  EXPECT_EQ(read_file(file), read_file(fixture(".db")));
  EXPECT_FALSE(fs::exists(file.string() + ".version-" + std::to_string(GetParam())));
}

TEST_P(OldDatabases, AreBroughtUpToDateAfterABackup) {
  ResultStore store(file, Mode::ReadWrite);

  expect_shown_as_before(store);
  expect_columns_filled(store);
  EXPECT_EQ(store.claim("demo", "a", 1000)->key, "ee4");
  EXPECT_FALSE(store.claim("demo", "a", 1000));
  // What the earlier versions did not know of a cell is learnt when it is asked for again.
  NewCell again{"ee4", store.read("ee4").settings.dump(), true, "", 3, {7, 8}};
  store.worker_died("a", "gone", 5);
  store.insert({"demo", "", "demo.toml", "another digest"}, {again}, false);
  EXPECT_EQ(store.claim("demo", "a", 1000)->key, "ee4");
  const auto backup = file.string() + ".version-" + std::to_string(GetParam());
  ASSERT_TRUE(fs::exists(backup));
  expect_shown_as_before(ResultStore(backup, Mode::ReadOnly));
}

INSTANTIATE_TEST_SUITE_P(OfVersion, OldDatabases, ::testing::Values(1, 2, 3, 4, 5, 6));

// Views are this program's, whatever the database was made by.
TEST(Views, AreMadeAnewWhereTheyDiffer) {
  const test::TempDir folder;
  const auto file = folder / "results.db";
  { const ResultStore store(file, Mode::Create); }
  const auto points = [&](Mode mode) { return ResultStore(file, mode).points("").columns; };
  const auto expected = points(Mode::ReadOnly);
  const auto spoil = [&] {
    SQLite::Database database(file, SQLite::OPEN_READWRITE);
    database.exec("DROP VIEW points; CREATE VIEW points AS SELECT 1 AS experiment");
  };
  spoil();
  EXPECT_EQ(points(Mode::ReadOnly), expected);
  EXPECT_EQ(points(Mode::ReadWrite), expected);
  SQLite::Database database(file, SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM pragma_table_info('ablation')").getInt64(),
            static_cast<std::int64_t>(expected.size()));
}

}  // namespace
}  // namespace espalier::store
