#include "tables/split_tables.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "cells/cell_settings.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier {
namespace {

class SplitsOfADataset : public testing::Test {
 protected:
  SplitsOfADataset() {
    dataset.name = "d";
    dataset.format = Format::AudioClassification;
    folder.write("a.wav", "1");
    folder.write("b.wav", "2");
    dataset.split["test"] = folder.write("test.tsv", "path\tlabel\na.wav\tyes\nb.wav\tno\nc.wav\tno\n").string();
  }

  const test::TempDir folder;
  DatasetSettings dataset;
  DigestMemory digests{folder / "cache"};
  SplitTables tables{digests};
};

TEST_F(SplitsOfADataset, AreReadAndDigestedOnce) {
  const auto before = table_counts();
  const auto table = tables.table(dataset, "test");
  const auto digest = tables.digest(dataset, "test");

  EXPECT_EQ(tables.table(dataset, "test"), table);
  EXPECT_EQ(tables.table(dataset, "test", TableExtent::Whole), table) << "without a limit it is the same";
  EXPECT_EQ(tables.digest(dataset, "test"), digest);
  EXPECT_EQ(table_counts().opened - before.opened, 1);
  EXPECT_EQ(table_counts().digested - before.digested, 1);
  EXPECT_EQ(table->sounds.size(), 3U);
  EXPECT_EQ(table->missing, std::vector<std::string>{(folder / "c.wav").string()});
  EXPECT_EQ(digest, audio_digest(table->sounds, digests));
}

TEST_F(SplitsOfADataset, AreReadForEachWayOfReading) {
  dataset.limit["test"] = 1;
  EXPECT_EQ(tables.table(dataset, "test")->sounds.size(), 1U);
  EXPECT_EQ(tables.table(dataset, "test", TableExtent::Whole)->sounds.size(), 3U);
  const auto limited = tables.digest(dataset, "test");
  dataset.limit.clear();
  EXPECT_NE(tables.digest(dataset, "test"), limited);
}

TEST_F(SplitsOfADataset, AreKnownByTheirFileWhereTheyHoldTexts) {
  dataset.format = Format::TextClassification;
  dataset.split["test"] = folder.write("texts.tsv", "text\tlabel\none\ta\ntwo\tb\n").string();
  const auto before = table_counts();
  EXPECT_EQ(tables.digest(dataset, "test"), sha256_of_file(folder / "texts.tsv"));
  EXPECT_EQ(table_counts().opened, before.opened) << "its rows are not needed for that";
  EXPECT_EQ(tables.table(dataset, "test")->texts.at(1).text, "two");
  tables.forget_rows(dataset, "test");
  EXPECT_EQ(tables.table(dataset, "test")->texts.at(0).text, "one");
  EXPECT_EQ(table_counts().opened - before.opened, 2);
}

TEST_F(SplitsOfADataset, AreRefusedAlikeEachTime) {
  folder.write("test.tsv", "path\tlabel\na.wav\t\n");
  const auto refusal = [&] { return test::message_of<InputError>([&] { tables.table(dataset, "test"); }); };
  const auto before = table_counts();
  const auto first = refusal();
  EXPECT_EQ(first, (folder / "test.tsv").string() + ":2: its label ('label') is empty");
  EXPECT_EQ(refusal(), first);
  EXPECT_EQ(table_counts().opened - before.opened, 1);
  EXPECT_EQ(test::message_of<InputError>([&] { tables.digest(dataset, "train"); }),
            "dataset 'd' gives no train split, and it is needed here");
}

}  // namespace
}  // namespace espalier
