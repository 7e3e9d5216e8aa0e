#include "tables/audio_table.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "cells/cell_settings.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier {
namespace {

class AudioTable : public testing::Test {
 protected:
  DatasetSettings dataset(const std::string& format, const std::filesystem::path& file) {
    DatasetSettings made;
    made.name = "d";
    made.format = from_name<Format>(format);
    made.split["test"] = file.string();
    return made;
  }
  std::string refusal(const DatasetSettings& made) {
    return test::message_of<InputError>([&] { read_audio_table(made, "test"); });
  }
  test::TempDir folder;
};

TEST_F(AudioTable, OfClassesAndTextsKnowsPathsAndLines) {
  folder.write("a.wav", "1");
  const auto other = folder.write("b.wav", "2");
  const auto file = folder.write("test.tsv", "path\tlabel\na.wav\tyes\n\n" + other.string() + "\tno\n");
  const auto rows = read_audio_table(dataset("audio-classification", file), "test");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].path, (folder / "a.wav").string());
  EXPECT_EQ(rows[1].labels, std::vector<std::string>{"no"});
  EXPECT_EQ(rows[1].line, 4);
  const auto spoken = folder.write("spoken.csv", "text,path\n\"one, \"\"two\"\"\",a.wav\n");
  EXPECT_EQ(read_audio_table(dataset("speech-recognition", spoken), "test").at(0).text, "one, \"two\"");
}

TEST_F(AudioTable, OfTagsSplitsThem) {
  folder.write("a.wav", "1");
  const auto file = folder.write("test.tsv", "path\tlabel\na.wav\tdog; cat\na.wav\t\n");
  const auto rows = read_audio_table(dataset("audio-tagging", file), "test");
  EXPECT_EQ(rows[0].labels, (std::vector<std::string>{"dog", "cat"}));
  EXPECT_TRUE(rows[1].labels.empty());
}

TEST_F(AudioTable, OfAudioSetFindsFilesAndNames) {
  folder.write("abc.flac", "1");
  auto made = dataset("audio-tagging", folder.write("eval.csv", "# Segments csv\nabc, 30.0, 40.0, \"/m/1,/m/2\"\n"));
  EXPECT_EQ(refusal(made), (folder / "eval.csv").string() +
                               ": is an AudioSet table, and the folder of its files is not given\n    add audio = "
                               "\"FOLDER\" to the dataset (on the command line --audio FOLDER)");
  made.audio_folder = folder.path().string();
  EXPECT_EQ(read_audio_table(made, "test").at(0).labels, (std::vector<std::string>{"/m/1", "/m/2"}));
  made.classes =
      folder.write("classes.csv", "index,mid,display_name\n0,/m/1,Speech\n1,/m/2,\"Male speech, man\"\n").string();
  const auto rows = read_audio_table(made, "test");
  EXPECT_EQ(rows.at(0).labels, (std::vector<std::string>{"Speech", "Male speech, man"}));
  EXPECT_EQ(rows.at(0).path, (folder / "abc.flac").string());
}

TEST_F(AudioTable, OfSpeechCommandsFollowsTheOfficialLists) {
  for (const char* word : {"yes", "no", "_background_noise_"}) std::filesystem::create_directory(folder / word);
  for (const char* name : {"yes/1.wav", "yes/2.wav", "no/1.wav", "no/3.wav", "_background_noise_/x.wav"})
    folder.write(name, "x");
  folder.write("testing_list.txt", "yes/1.wav\n");
  folder.write("validation_list.txt", "no/1.wav\n");
  auto made = dataset("audio-classification", folder.path());
  made.split["train"] = made.split["validation"] = made.split["test"];
  EXPECT_EQ(read_audio_table(made, "test").at(0).labels, std::vector<std::string>{"yes"});
  EXPECT_EQ(read_audio_table(made, "validation").at(0).path, (folder / "no/1.wav").string());
  const auto train = read_audio_table(made, "train");
  ASSERT_EQ(train.size(), 2U);
  EXPECT_EQ(train[0].path, (folder / "no/3.wav").string());
}

TEST_F(AudioTable, ComplainsOfEverythingAtOnce) {
  folder.write("a.wav", "1");
  const auto file = folder.write("test.tsv", "path\tlabel\na.wav\t\nnone.wav\tyes\na.wav\n");
  EXPECT_EQ(refusal(dataset("audio-classification", file)),
            file.string() + ": 3 rows cannot be read\n    " + file.string() + ":2: its label ('label') is empty\n    " +
                file.string() + ":3: names '" + (folder / "none.wav").string() + "', which is not there\n    " +
                file.string() + ":4: has 1 field, expected 2 (path, label)");
  const auto bare = folder.write("bare.tsv", "paht\ttext\n");
  EXPECT_EQ(
      refusal(dataset("speech-recognition", bare)),
      bare.string() +
          ":1: has no column 'path'\n    instead of 'path', did you mean 'paht'?\n    its columns: paht, text\n"
          "    expected a header with path and text; the dataset's key text (on the command line --text) names the "
          "second");
  EXPECT_EQ(refusal(dataset("speech-recognition", folder.path())),
            folder.path().string() +
                ": is a folder, expected a table, or for audio-classification the Speech Commands folder (with "
                "testing_list.txt and validation_list.txt)");
}

// As Python's csv module, pandas and R write a transcript of two lines.
TEST_F(AudioTable, ReadsQuotedFieldsOverLines) {
  folder.write("a.wav", "1");
  const auto file = folder.write("test.csv", "path,text\r\na.wav,\"one,\ntwo \"\"three\"\"\"\r\na.wav,four\r\n");
  const auto rows = read_audio_table(dataset("speech-recognition", file), "test");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].text, "one,\ntwo \"three\"");
  EXPECT_EQ(rows[1].text, "four");
  EXPECT_EQ(rows[1].line, 4);
  const auto open = folder.write("open.csv", "path,text\na.wav,\"one\na.wav,two\n");
  EXPECT_EQ(refusal(dataset("speech-recognition", open)),
            open.string() + ":2: a quote is opened here and never closed");
}

TEST_F(AudioTable, ReadsJsonLines) {
  folder.write("a.wav", "1");
  const auto file = folder.write("test.jsonl", "{\"path\": \"a.wav\", \"label\": 7}\n");
  EXPECT_EQ(read_audio_table(dataset("audio-classification", file), "test").at(0).labels,
            std::vector<std::string>{"7"});
}

TEST_F(AudioTable, RefusesBytesThatAreNoText) {
  folder.write("a.wav", "1");
  const std::string convert = "\n    convert it: iconv -f LATIN1 -t UTF-8, where LATIN1 is what it is written in";
  const auto latin = folder.write("latin.tsv", "path\tlabel\na.wav\tyes\na.wav\tcaf\xE9\n");
  EXPECT_EQ(refusal(dataset("audio-classification", latin)),
            latin.string() + ":3: is not UTF-8 at byte 30 of the file (0xE9)" + convert);
  const auto nul = folder.write("nul.csv", std::string("path,text\na.wav,a\0b\n", 20));
  EXPECT_EQ(refusal(dataset("speech-recognition", nul)),
            nul.string() + ":2: holds a NUL byte at byte 17 of the file, expected text");
  const auto wide = folder.write("wide.tsv", std::string("\xFF\xFEp\0", 4));
  EXPECT_EQ(refusal(dataset("speech-recognition", wide)),
            wide.string() + ":1: is UTF-16, expected UTF-8\n    convert it: iconv -f UTF-16 -t UTF-8");

  auto tagged = dataset("audio-tagging", folder.write("eval.csv", "# \"Segments\nabc, 0, 1, \"/m/\xE9\"\n"));
  tagged.audio_folder = folder.path().string();
  EXPECT_EQ(refusal(tagged),
            (folder / "eval.csv").string() + ":2: is not UTF-8 at byte 27 of the file (0xE9)" + convert);

  folder.write("testing_list.txt", "yes/\xE9.wav\n");
  folder.write("validation_list.txt", "");
  EXPECT_EQ(refusal(dataset("audio-classification", folder.path())),
            (folder / "testing_list.txt").string() + ":1: is not UTF-8 at byte 4 of the file (0xE9)" + convert);
}

TEST_F(AudioTable, RefusesAColumnThatIsThereTwice) {
  folder.write("a.wav", "1");
  const auto file = folder.write("test.tsv", "path\tlabel\tlabel\na.wav\tyes\tno\n");
  EXPECT_EQ(refusal(dataset("audio-classification", file)), file.string() + ":1: has two columns 'label'");
  const auto paths = folder.write("paths.csv", "path,text,path\na.wav,x,b.wav\n");
  EXPECT_EQ(refusal(dataset("speech-recognition", paths)), paths.string() + ":1: has two columns 'path'");
}

TEST_F(AudioTable, DigestsWhatFilesHoldAndNotWhereTheyLie) {
  folder.write("a.wav", "1");
  DigestMemory memory(folder / "cache");
  const auto file = folder.write("test.tsv", "path\tlabel\na.wav\tyes\n");
  const auto digest = [&](const std::filesystem::path& table) {
    return audio_digest(read_audio_table(dataset("audio-classification", table), "test"), memory);
  };
  const auto first = digest(file);
  std::filesystem::create_directory(folder / "moved");
  folder.write("moved/b.wav", "1");
  const auto moved = folder.write("moved/other.tsv", "path\tlabel\nb.wav\tyes\n");
  EXPECT_EQ(digest(moved), first);
  folder.write("moved/b.wav", "2");
  EXPECT_NE(digest(moved), first);
}

}  // namespace
}  // namespace espalier
