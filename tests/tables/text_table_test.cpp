#include "tables/text_table.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <string>

#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier {
namespace {

std::string shown(const std::vector<TextRow>& rows) {
  std::string text;
  for (const auto& row : rows) {
    text += std::to_string(row.line) + "<" + row.text + "|" + row.pair + "|" + row.label + ">";
  }
  return text;
}

std::string read(const std::string& name, const std::string& content, const TextColumns& columns = {},
                 std::int64_t limit = 0) {
  const test::TempDir folder;
  return shown(read_text_table(folder.write(name, content), columns, limit));
}

// The message without the folder.
std::string complaint(const std::string& name, const std::string& content, const TextColumns& columns = {},
                      std::int64_t limit = 0) {
  const test::TempDir folder;
  const auto file = folder.write(name, content);
  std::string message = test::message_of<InputError>([&] { read_text_table(file, columns, limit); });
  const std::string prefix = folder.path().string() + "/";
  for (std::size_t at = 0; (at = message.find(prefix)) != std::string::npos;) message.erase(at, prefix.size());
  return message;
}

const std::string convert = "\n    convert it: iconv -f LATIN1 -t UTF-8, where LATIN1 is what it is written in";

const TextColumns pairs{"text", "pair", "label"};

TEST(TextTable, ReadsTsvWithoutQuoting) {
  EXPECT_EQ(read("a.tsv", "text\tlabel\na \"b\tx\n\"c\ty\n"), "2<a \"b||x>3<\"c||y>");
}

TEST(TextTable, ReadsColumnsInAnyOrderAndLeavesOthers) {
  EXPECT_EQ(read("a.tsv", "label\tid\tpair\ttext\nx\t1\tq\tp\n", pairs), "2<p|q|x>");
}

TEST(TextTable, SkipsByteOrderMarkCarriageReturnsAndBlankLines) {
  EXPECT_EQ(read("a.tsv", "\xEF\xBB\xBFtext\tlabel\r\n\r\na\tx\r\n\nb\ty"), "3<a||x>5<b||y>");
  EXPECT_EQ(read("a.csv", "\xEF\xBB\xBFtext,label\r\n\r\na,x\r\n\nb,y"), "3<a||x>5<b||y>");
  EXPECT_EQ(read("a.jsonl", "\xEF\xBB\xBF{\"text\": \"a\", \"label\": \"x\"}\r\n\n"), "1<a||x>");
}

TEST(TextTable, KeepsEmptyTexts) { EXPECT_EQ(read("a.tsv", "text\tlabel\n\tx\n"), "2<||x>"); }

TEST(TextTable, ReadsQuotedCsv) {
  EXPECT_EQ(read("a.csv", "text,label\n\"a, b\",x\n\"say \"\"hi\"\"\",y\n\"two\nlines\",z\r\nin\"side,\"w\"\n"),
            "2<a, b||x>3<say \"hi\"||y>4<two\nlines||z>6<in\"side||w>");
}

TEST(TextTable, ReadsJsonLines) {
  EXPECT_EQ(read("a.JSONL", R"({"text": "a\nb", "label": 3, "other": null}
{"label": "x", "text": 1.5}
{"label": true, "text": "é\u00e9"})"),
            "1<a\nb||3>2<1.5||x>3<éé||true>");
}

TEST(TextTable, KnowsExtensionsInAnyCase) { EXPECT_EQ(read("a.TSV", "text\tlabel\na\tx\n"), "2<a||x>"); }

TEST(TextTable, StopsAtTheLimit) {
  EXPECT_EQ(read("a.tsv", "text\tlabel\na\tx\nb\ty\nbroken\n", {}, 2), "2<a||x>3<b||y>");
  EXPECT_EQ(read("a.jsonl", "{\"text\": \"a\", \"label\": 1}\nbroken\n", {}, 1), "1<a||1>");
}

TEST(TextTable, NamesAnExtensionItDoesNotKnow) {
  EXPECT_EQ(complaint("a.txt", "text\n"),
            "a.txt: is no table that can be read: its extension is '.txt'\n    known: .csv, .jsonl, .tsv");
}

TEST(TextTable, NamesFilesThatCannotBeRead) {
  const test::TempDir folder;
  std::filesystem::create_directory(folder / "folder.tsv");

  EXPECT_EQ(test::message_of<InputError>([&] { read_text_table(folder / "none.tsv", {}); }),
            (folder / "none.tsv").string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(test::message_of<InputError>([&] { read_text_table(folder / "folder.tsv", {}); }),
            (folder / "folder.tsv").string() + ": is a folder, expected a file");
}

TEST(TextTable, NamesFilesWithoutRows) {
  EXPECT_EQ(complaint("a.tsv", ""), "a.tsv: is empty, expected a header and rows with text, label");
  EXPECT_EQ(complaint("a.jsonl", ""), "a.jsonl: is empty, expected one JSON object a line with text, label");
  EXPECT_EQ(complaint("a.csv", "text,label\n"),
            "a.csv: holds no rows, only a header\n    expected at least one row with text, label");
  EXPECT_EQ(complaint("a.tsv", "text\tpair\tlabel\n\n", pairs),
            "a.tsv: holds no rows, only a header\n    expected at least one row with text, pair, label");
  EXPECT_EQ(complaint("a.jsonl", "\n\n"), "a.jsonl: holds no rows\n    expected at least one row with text, label");
}

TEST(TextTable, NamesMissingColumnsAndTheNearest) {
  EXPECT_EQ(complaint("a.tsv", "txt\tlabel\na\tx\n"),
            "a.tsv:1: has no column 'text'\n    instead of 'text', did you mean 'txt'?\n    its columns: txt, label\n"
            "    which columns are read is said by the dataset's keys text, pair and label (on the command line "
            "--text, --pair, --label)");
  EXPECT_EQ(complaint("a.csv", "1,2\na,x\n"),
            "a.csv:1: has no column 'text' and no column 'label'\n    its columns: 1, 2\n"
            "    which columns are read is said by the dataset's keys text, pair and label (on the command line "
            "--text, --pair, --label)");
  EXPECT_EQ(
      complaint("a.jsonl", "{\"text\": \"a\", \"Label\": 1}"),
      "a.jsonl:1: has no column 'label'\n    instead of 'label', did you mean 'Label'?\n    its columns: Label, text\n"
      "    which columns are read is said by the dataset's keys text, pair and label (on the command line --text, "
      "--pair, --label)");
}

TEST(TextTable, NamesColumnsThatAreThereTwice) {
  EXPECT_EQ(complaint("a.tsv", "text\tlabel\ttext\na\tx\tb\n"), "a.tsv:1: has two columns 'text'");
}

TEST(TextTable, NamesRowsWithTooFewOrTooManyFields) {
  EXPECT_EQ(complaint("a.tsv", "text\tlabel\na\tx\nb\n"), "a.tsv:3: has 1 field, expected 2 (text, label)");
  EXPECT_EQ(complaint("a.csv", "text,label\na,b,c\n"), "a.csv:2: has 3 fields, expected 2 (text, label)");
}

TEST(TextTable, NamesEmptyLabels) {
  EXPECT_EQ(complaint("a.tsv", "text\tlabel\na\t\n"), "a.tsv:2: its label ('label') is empty");
  EXPECT_EQ(complaint("a.jsonl", "{\"text\": \"a\", \"label\": \"\"}"), "a.jsonl:1: its label ('label') is empty");
}

TEST(TextTable, NamesBytesThatAreNoText) {
  EXPECT_EQ(complaint("a.tsv", "text\tlabel\ncaf\xE9\tx\n"),
            "a.tsv:2: is not UTF-8 at byte 14 of the file (0xE9)" + convert);
  EXPECT_EQ(complaint("a.csv", "\xEF\xBB\xBFtext,label\n\"a\n\xED\xA0\x80\",x\n"),
            "a.csv:3: is not UTF-8 at byte 17 of the file (0xED)" + convert);
  EXPECT_EQ(complaint("a.tsv", std::string("text\tlabel\na\0b\tx\n", 17)),
            "a.tsv:2: holds a NUL byte at byte 12 of the file, expected text");
  EXPECT_EQ(complaint("a.jsonl", "{\"text\": \"\xC0\x80\"}\n"),
            "a.jsonl:1: is not UTF-8 at byte 10 of the file (0xC0)" + convert);
  EXPECT_EQ(complaint("a.tsv", std::string("\xFF\xFEt\0", 4)),
            "a.tsv:1: is UTF-16, expected UTF-8\n    convert it: iconv -f UTF-16 -t UTF-8");
}

TEST(TextTable, NamesQuotesThatDoNotFit) {
  EXPECT_EQ(complaint("a.csv", "text,label\n\"a\nb\",\"x\nc,d\n"), "a.csv:3: a quote is opened here and never closed");
  EXPECT_EQ(complaint("a.csv", "text,label\n\"a\"b,x\n"),
            "a.csv:2: text follows a closing quote in field 1\n    a quote inside a quoted field is written twice");
}

TEST(TextTable, NamesJsonThatDoesNotFit) {
  EXPECT_EQ(complaint("a.jsonl", "{\"text\": }\n"), "a.jsonl:1: is not valid JSON (character 10 of the line)");
  EXPECT_EQ(complaint("a.jsonl", "{\"text\": 1e999}\n"), "a.jsonl:1: is JSON with a number that is too large");
  EXPECT_EQ(complaint("a.jsonl", "[1]\n"), "a.jsonl:1: is a JSON array, expected an object");
  EXPECT_EQ(complaint("a.jsonl", "{\"text\": null, \"label\": 1}\n"),
            "a.jsonl:1: 'text' is a JSON null, expected a string or a number");
}

TEST(TextTable, ListsTenProblemsAndCountsTheRest) {
  std::string content = "text\tlabel\n", expected = "a.tsv: 12 rows cannot be read";
  for (int row = 0; row < 12; ++row) content += "a\n";
  for (int row = 0; row < 10; ++row)
    expected += "\n    a.tsv:" + std::to_string(row + 2) + ": has 1 field, expected 2 (text, label)";

  EXPECT_EQ(complaint("a.tsv", content), expected + "\n    and 2 more");
}

TEST(TextTable, NeedsNoLabelsWhereNoneAreAskedFor) {
  const TextColumns texts{"text", "", ""};
  EXPECT_EQ(read("a.csv", "text\n\"one\ntwo\"\n\nthree\n", texts), "2<one\ntwo||>5<three||>");
  EXPECT_EQ(complaint("a.jsonl", "{}\n", texts).substr(0, 31), "a.jsonl:1: has no column 'text'");
}

TEST(TextTable, RefusesANulThatJsonSpells) {
  EXPECT_EQ(complaint("a.jsonl", R"({"text": "a\u0000b", "label": "x"})"),
            "a.jsonl:1: 'text' holds a NUL character, expected text");
}

TEST(LabelsOf, SortsNumbersByValueBeforeTexts) {
  std::vector<TextRow> rows;
  for (const char* label : {"10", "b", "9", "a", "9", "-1", "2.5", "1x"}) rows.push_back({"", "", label, 0});

  EXPECT_EQ(labels_of(rows), (std::vector<std::string>{"-1", "2.5", "9", "10", "1x", "a", "b"}));
}

}  // namespace
}  // namespace espalier
