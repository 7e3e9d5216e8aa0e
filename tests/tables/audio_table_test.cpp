#include "tables/audio_table.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/cell_settings.h"

namespace espalier {
namespace {

class AudioTable : public testing::Test {
 protected:
  DatasetSettings dataset(const std::string& format, const std::filesystem::path& file) {
    DatasetSettings made;
    made.name = "d";
    made.format = format;
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
                               "\"FOLDER\" to the dataset");
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
                file.string() + ":4: has 1 fields, the header 2");
  const auto bare = folder.write("bare.tsv", "paht\ttext\n");
  EXPECT_EQ(refusal(dataset("speech-recognition", bare)),
            bare.string() +
                ":1: has no column 'path'\n    did you mean 'paht'?\n    its columns: paht, text\n    expected "
                "a header with path and text");
  EXPECT_EQ(refusal(dataset("speech-recognition", folder.path())),
            folder.path().string() +
                ": is a folder, expected a table, or for audio-classification the Speech Commands folder (with "
                "testing_list.txt and validation_list.txt)");
}

TEST_F(AudioTable, DigestsWhatFilesHoldAndNotWhereTheyLie) {
  folder.write("a.wav", "1");
  DigestMemory memory(folder / "cache");
  const auto file = folder.write("test.tsv", "path\tlabel\na.wav\tyes\n");
  const auto first = audio_digest(dataset("audio-classification", file), "test", memory);
  std::filesystem::create_directory(folder / "moved");
  folder.write("moved/b.wav", "1");
  const auto moved = folder.write("moved/other.tsv", "path\tlabel\nb.wav\tyes\n");
  EXPECT_EQ(audio_digest(dataset("audio-classification", moved), "test", memory), first);
  folder.write("moved/b.wav", "2");
  EXPECT_NE(audio_digest(dataset("audio-classification", moved), "test", memory), first);
}

}  // namespace
}  // namespace espalier
