#include "inputs/table_facts.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace espalier::inputs {
namespace {

class Facts : public testing::Test {
 protected:
  DatasetSettings dataset(const std::string& file, const std::string& format = "text-classification") {
    DatasetSettings dataset;
    dataset.name = "d";
    dataset.format = from_name<Format>(format);
    dataset.split["test"] = (folder_ / file).string();
    return dataset;
  }
  TableFacts facts(const DatasetSettings& dataset, bool whole = false) {
    DigestMemory digests(folder_ / "cache");
    SplitTables tables(digests);
    return TableFactsMemory(folder_ / "cache", tables).of(dataset, "test", whole);
  }

  const test::TempDir folder_;
};

TEST_F(Facts, OfATableOfTexts) {
  folder_.write("a.tsv", "text\tlabel\nx\tb\ny\ta\nz\tb\n");
  auto limited = dataset("a.tsv");
  limited.limit["test"] = 1;

  const auto all = facts(dataset("a.tsv")), some = facts(limited), whole = facts(limited, true);

  EXPECT_EQ(all.rows, 3);
  ASSERT_EQ(all.labels.size(), 2U);
  EXPECT_EQ(all.labels[0].label, "b");
  EXPECT_EQ(all.labels[0].line, 2);
  EXPECT_EQ(all.labels[0].rows, 2);
  EXPECT_EQ(all.labels[1].line, 3);
  EXPECT_EQ(some.rows, 1);
  EXPECT_EQ(whole.rows, 3);
}

TEST_F(Facts, OfATableOfSounds) {
  folder_.write("a.csv", "path,label\nno.wav,dog;cat\nnone.wav,dog\n");

  const auto tags = facts(dataset("a.csv", "audio-tagging"));

  EXPECT_EQ(tags.problem, "");  // sound files that are not there are named elsewhere
  ASSERT_EQ(tags.labels.size(), 2U);
  EXPECT_EQ(tags.labels[0].label, "dog");
  EXPECT_EQ(tags.labels[0].rows, 2);
}

// Of every format, whatever is wrong is found by the reader that training uses.
TEST_F(Facts, AreWhatIsWrong) {
  folder_.write("header.tsv", "sentence\tlabel\nx\ta\n");
  folder_.write("empty.csv", "text,label\n");
  folder_.write("latin.tsv", "text\tlabel\ncaf\xe9\ta\n");
  folder_.write("twice.csv", "text,label,label\nx,a,b\n");
  folder_.write("sounds.tsv", "file\tlabel\nx.wav\ta\n");
  folder_.write("speech.csv", "path,transcript\nx.wav,hello\n");

  EXPECT_NE(facts(dataset("header.tsv")).problem.find("header.tsv:1: has no column 'text'"), std::string::npos);
  EXPECT_NE(facts(dataset("empty.csv")).problem.find("empty.csv: holds no rows"), std::string::npos);
  EXPECT_NE(facts(dataset("latin.tsv")).problem.find("latin.tsv:2: is not UTF-8"), std::string::npos);
  EXPECT_NE(facts(dataset("twice.csv")).problem.find("two columns 'label'"), std::string::npos);
  EXPECT_NE(facts(dataset("sounds.tsv", "audio-classification")).problem.find("has no column 'path'"),
            std::string::npos);
  EXPECT_NE(facts(dataset("speech.csv", "speech-recognition")).problem.find("has no column 'text'"), std::string::npos);
}

TEST_F(Facts, AreRememberedByTheFilesDigest) {
  folder_.write("a.tsv", "text\tlabel\nx\tb\n");
  const auto first = facts(dataset("a.tsv"));
  ASSERT_FALSE(std::filesystem::is_empty(folder_ / "cache" / "tables"));
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache" / "tables")) {
    folder_.write("cache/tables/" + entry.path().filename().string(),
                  R"({"rows":7,"problem":"","labels":[["k",2,7]]})");
  }
  const auto remembered = facts(dataset("a.tsv"));
  folder_.write("a.tsv", "text\tlabel\nx\tb\ny\tc\n");
  const auto changed = facts(dataset("a.tsv"));

  EXPECT_EQ(first.rows, 1);
  EXPECT_EQ(remembered.rows, 7);
  EXPECT_EQ(changed.rows, 2);
}

TEST_F(Facts, NameLabelsThatNobodyKnows) {
  const TableFacts found{4, {{"cat", 2, 1}, {"dgo", 3, 2}, {"bird", 5, 1}}, ""};

  EXPECT_EQ(
      unknown_labels(found, "test.tsv", {"bird", "cat", "dog"}, "the model"),
      "test.tsv:3: unknown label 'dgo'\n    did you mean 'dog'?\n    known: bird, cat, dog\n    2 rows have labels "
      "that the model does not know");
  EXPECT_EQ(unknown_labels(found, "test.tsv", {"bird", "cat", "dgo"}, "the model"), "");
  EXPECT_EQ(unknown_labels({1, {{"1", 2, 1}}, ""}, "test.tsv", {"LABEL_0", "LABEL_1"}, "the model"), "");
}

}  // namespace
}  // namespace espalier::inputs
