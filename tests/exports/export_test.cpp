#include "exports/export.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/open/open_tables.h"
#include "store/sample_cells.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::exports {
namespace {

namespace fs = std::filesystem;

class Exports : public testing::Test {
 protected:
  void SetUp() override {
    store::ResultStore store(database, store::Mode::Create);
    store.insert(test::sample_experiment(), test::sample_cells(2), false);
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), test::done_attempt(0.8)));
  }

  test::TempDir folder;
  const fs::path database = folder / "=demo .db";
};

TEST_F(Exports, AreAFileATableAndADescription) {
  const auto files = export_tables(database, folder / "out", FileKind::Csv);

  ASSERT_EQ(files.size(), store::open_tables().size());
  const std::vector<std::int64_t> rows = {2, 2, 1, 0, 2, 8};
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(files[i].table, store::open_tables()[i].name);
    EXPECT_EQ(files[i].rows, rows[i]) << files[i].table;
    EXPECT_EQ(files[i].sha256, sha256_of_file(folder / "out" / files[i].name));
  }
  const auto package = nlohmann::json::parse(read_file(folder / "out/datapackage.json"));
  EXPECT_EQ(package.at("name"), "-demo-");
  EXPECT_EQ(package.at("resources").size(), files.size());
  EXPECT_EQ(package.at("resources")[5].at("schema").at("fields")[2].at("type"), "integer");
}

TEST_F(Exports, HoldEachExampleUnderTheDigestOfItsList) {
  export_tables(database, folder / "out", FileKind::Csv);

  EXPECT_EQ(read_file(folder / "out/examples.csv"),
            "digest,example,value\r\noutcomes,0,1\r\noutcomes,1,1\r\noutcomes,2,0\r\noutcomes,3,1\r\noutcomes,4,0\r\n"
            "outcomes,5,0\r\noutcomes,6,1\r\noutcomes,7,0\r\n");
  EXPECT_EQ(read_file(folder / "out/answers.csv"),
            "key,step,kind,last,name,digest\r\nk0,0,dense,0,right,outcomes\r\nk0,0,pruned,1,right,outcomes\r\n");
}

TEST_F(Exports, ReplaceAnEarlierOneAndNothingElse) {
  export_tables(database, folder / "out", FileKind::Csv);
  export_tables(database, folder / "out", FileKind::Parquet);
  EXPECT_FALSE(fs::exists(folder / "out/cells.csv"));
  EXPECT_TRUE(fs::exists(folder / "out/cells.parquet"));

  write_file(folder / "out/mine.txt", "mine");
  EXPECT_EQ(test::message_of<InputError>([&] { export_tables(database, folder / "out", FileKind::Csv); }),
            (folder / "out").string() +
                ": holds something that no export wrote, expected an empty folder or an earlier export\n    choose "
                "another folder");
  EXPECT_EQ(read_file(folder / "out/mine.txt"), "mine");
}

TEST_F(Exports, GiveTheSameBytesAgain) {
  for (const auto kind : {FileKind::Csv, FileKind::Parquet}) {
    const auto one = export_tables(database, folder / "one", kind), two = export_tables(database, folder / "two", kind);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].sha256, two[i].sha256) << one[i].name;
  }
}

TEST_F(Exports, OfNoDatabaseLeaveNoFolder) {
  EXPECT_THROW(export_tables(folder / "none.db", folder / "out", FileKind::Csv), StoreError);
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST(DatasetteMetadata, QuotesTheNameOfAnyDatabase) {
  const auto text = datasette_metadata("a: \"b\"\n- c");
  EXPECT_NE(text.find("  \"a: \\\"b\\\"\\n- c\":\n"), std::string::npos) << text.substr(0, 300);
}

}  // namespace
}  // namespace espalier::exports
