// Bytes by the format's own definitions; that readers agree is tested by open_data_test.py.
#include <gtest/gtest.h>

#include <cstring>

#include "parquet/compact_thrift.h"
#include "parquet/parquet_file.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::exports {
namespace {

using namespace std::string_literals;

// The example of the specification of Thrift's compact protocol: zigzag of 1, -1 and 150 as variable-length integers.
TEST(CompactThrift, WritesIntegersAsItsSpecificationSays) {
  CompactThrift thrift;
  thrift.begin_struct();
  thrift.integer(1, 1);
  thrift.integer(3, -1);
  thrift.long_integer(4, 150);
  thrift.end_struct();

  EXPECT_EQ(thrift.bytes(), "\x15\x02\x25\x01\x16\xAC\x02\x00"s);
}

TEST(CompactThrift, WritesTextsListsAndStructuresInStructures) {
  CompactThrift thrift;
  thrift.begin_struct();
  thrift.text(2, "ab");
  thrift.list_of_integers(3, {0, -2});
  thrift.nested(5);
  thrift.begin_struct();
  thrift.integer(1, 0);
  thrift.end_struct();
  thrift.list_of_texts(6, std::vector<std::string>(15, "x"));
  thrift.end_struct();

  std::string texts;
  for (int i = 0; i < 15; ++i) texts += "\x01x";
  EXPECT_EQ(thrift.bytes(), "\x28\x02"s + "ab\x19\x25\x00\x03\x2C\x15\x00\x00\x19\xF8\x0F"s + texts + "\x00"s);
}

TEST(ParquetFile, OfNoRowsBeginsAndEndsAsTheFormatSays) {
  const test::TempDir folder;
  const store::DescribedView table = {"t", "T", "Nothing", {{"a", store::ColumnType::Integer, "", "A number"}}};
  ParquetFile file(folder / "t.parquet", table);
  file.commit();

  const auto bytes = read_file(folder / "t.parquet");
  std::uint32_t footer = 0;
  std::memcpy(&footer, bytes.data() + bytes.size() - 8, 4);
  EXPECT_TRUE(bytes.starts_with("PAR1"));
  EXPECT_TRUE(bytes.ends_with("PAR1"));
  EXPECT_EQ(bytes.size(), 4 + footer + 8);
}

TEST(ParquetFile, ThatIsNotFinishedIsNone) {
  const test::TempDir folder;
  const store::DescribedView table = {"t", "T", "Nothing", {{"a", store::ColumnType::Integer, "", "A number"}}};
  {
    ParquetFile file(folder / "t.parquet", table);
    file.add({std::int64_t{1}});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace espalier::exports
