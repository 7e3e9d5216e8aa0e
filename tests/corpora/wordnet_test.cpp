#include "corpora/wordnet.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "tables/text_table.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

std::vector<TextRow> all_rows(const fs::path& folder) {
  std::vector<TextRow> rows;
  for (const char* name : {"train.tsv", "validation.tsv", "test.tsv"}) {
    if (read_file(folder / name) == "text\tlabel\n") continue;
    for (auto& row : read_text_table(folder / name, {})) rows.push_back(std::move(row));
  }
  return rows;
}

TEST(Wordnet, TakesDefinitionsAndLexicographerFiles) {
  const test::TempDir folder;
  const auto file = folder.write("data.noun",
                                 "  1 This software and database is being provided to you\n"
                                 "00001740 03 n 01 entity 0 000 | that which is; \"he said; so\"; \"again\"  \n"
                                 "00002000 28 n 01 day 0 000 | a\ttime; of 24 hours\r\n"
                                 "00002001 05 n 01 cat 0 000 | feline  \n");

  const auto counts = prepare_wordnet(file, folder / "new/folder");

  EXPECT_EQ(counts.synsets, 3);
  EXPECT_EQ(counts.classes, 3);
  EXPECT_EQ(counts.train + counts.validation + counts.test, 3);
  std::map<std::string, std::string> labels;
  for (const auto& row : all_rows(folder / "new/folder")) labels[row.text] = row.label;
  EXPECT_EQ(labels,
            (std::map<std::string, std::string>{
                {"that which is", "noun.Tops"}, {"a time; of 24 hours", "noun.time"}, {"feline", "noun.animal"}}));
}

TEST(Wordnet, SplitsByTheHashOfTheText) {
  const test::TempDir folder;
  std::string content;
  for (int row = 0; row < 3000; ++row) {
    content += "00000000 04 n 01 x 0 000 | gloss " + std::to_string(row % 2900) + "\n";
  }

  const auto counts = prepare_wordnet(folder.write("data.noun", content), folder / "out");

  EXPECT_EQ(counts.synsets, 3000);
  EXPECT_NEAR(static_cast<double>(counts.validation), 300, 60);
  EXPECT_NEAR(static_cast<double>(counts.test), 300, 60);
  std::map<std::string, std::string> split_of;
  for (const char* name : {"train.tsv", "validation.tsv", "test.tsv"}) {
    std::string before;
    for (const auto& row : read_text_table(folder / "out" / name, {})) {
      EXPECT_EQ(split_of.emplace(row.text, name).first->second, name);
      EXPECT_LE(before, sha256_hex(row.text));
      before = sha256_hex(row.text);
    }
  }
  EXPECT_EQ(split_of.size(), 2900u);
}

TEST(Wordnet, GivesTheCountsOfTheRealFile) {
  const fs::path file = "/usr/share/wordnet/data.noun";
  if (!fs::exists(file)) GTEST_SKIP() << "WordNet is not installed (apt-get install wordnet-base)";
  const test::TempDir folder;

  const auto counts = prepare_wordnet(file, folder.path());

  EXPECT_EQ(counts.synsets, 82115);
  EXPECT_EQ(counts.classes, 26);
  EXPECT_NEAR(static_cast<double>(counts.validation), 8200, 300);
  EXPECT_NEAR(static_cast<double>(counts.test), 8200, 300);
  EXPECT_EQ(all_rows(folder.path()).size(), 82115u);
}

TEST(Wordnet, NamesWhatIsWrong) {
  const test::TempDir folder;
  const auto complaint = [&](const fs::path& file) {
    return test::message_of<InputError>([&] { prepare_wordnet(file, folder / "out"); });
  };
  const std::string malformed =
      ": is not a synset of data.noun\n    expected an offset, a lexicographer file from 03 to 28, words and pointers, "
      "' | ' "
      "and a gloss in UTF-8";
  const std::string file = (folder / "data.noun").string();

  EXPECT_EQ(complaint(file),
            file +
                ": is not there, expected data.noun of WordNet 3.0\n    apt-get install wordnet-base puts it "
                "into /usr/share/wordnet");
  EXPECT_EQ(complaint(folder.write("data.noun", "  1 licence\n")),
            file + ": holds no synsets, expected data.noun of WordNet 3.0");
  EXPECT_EQ(complaint(folder.write("data.noun", "  1 licence\n00000000 29 v 01 x 0 000 | gloss\n")),
            file + ":2" + malformed);
  EXPECT_EQ(complaint(folder.write("data.noun", "00000000 04 n 01 x 0 000\n")), file + ":1" + malformed);
  EXPECT_EQ(complaint(folder.write("data.noun", "00000000 04 n 01 x 0 000 | \xFF\n")), file + ":1" + malformed);
  EXPECT_EQ(complaint(folder.write("data.noun", "0 4\n")), file + ":1" + malformed);
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST(Wordnet, NamesAnOutputThatIsNoFolder) {
  const test::TempDir folder;
  const auto file = folder.write("data.noun", "00000000 04 n 01 x 0 000 | gloss\n");

  const auto message = test::message_of<InputError>([&] { prepare_wordnet(file, file); });

  EXPECT_TRUE(message.starts_with(file.string() + ": cannot be made a folder")) << message;
}

}  // namespace
}  // namespace espalier::corpora
