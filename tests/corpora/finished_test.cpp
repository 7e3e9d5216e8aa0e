// Outputs that are whole stay, others are replaced, and foreign folders are left alone.
#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "packages.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

class Finished : public Packages {
 protected:
  Finished() {
    const std::string folder = "usr/share/pocketsphinx/test/data/";
    write_tone(root / (folder + "cards/001.wav"), 1);
    root.write(folder + "cards/cards.transcription", "<s> ten of clubs </s> (001)\n");
    root.write(folder + "librivox/transcription", "");
  }
};

TEST_F(Finished, IsRecognised) {
  const auto first = prepared("pocketsphinx");
  const auto written = fs::last_write_time(output / "test.tsv");

  const auto second = prepared("pocketsphinx");

  EXPECT_FALSE(first.already_there);
  EXPECT_TRUE(second.already_there);
  EXPECT_EQ(fs::last_write_time(output / "test.tsv"), written);
  EXPECT_EQ(second.splits[0].rows, first.splits[0].rows);
  EXPECT_EQ(second.splits[0].words, 3);
  EXPECT_EQ(second.splits[0].seconds, first.splits[0].seconds);
  EXPECT_EQ(second.notes, first.notes);
}

TEST_F(Finished, IsMadeAgainWhereSomethingIsMissing) {
  prepared("pocketsphinx");
  const auto table = read_file(output / "test.tsv");
  const auto damages = std::vector<std::function<void()>>{
      [&] { fs::remove(output / "test.tsv"); }, [&] { write_file(output / "test.tsv", table + "x\ty\n"); },
      [&] { write_file(output / "dataset.json", R"({"dataset": "pocketsphinx"})"); }};
  for (const auto& damage : damages) {
    damage();
    EXPECT_FALSE(prepared("pocketsphinx").already_there);
    EXPECT_EQ(read_file(output / "test.tsv"), table);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(place.path()), fs::directory_iterator{}), 1);
}

TEST_F(Finished, IsMadeAgainFromAnotherSource) {
  prepared("pocketsphinx");
  const test::TempDir other;
  fs::copy(root.path(), other.path(), fs::copy_options::recursive);

  const auto result = prepare("pocketsphinx", {.output = output, .source = other.path(), .clips = {}});

  EXPECT_FALSE(result.already_there);
  EXPECT_TRUE(read_table(output / "test.tsv")[1][0].starts_with(other.path().string()));
}

TEST_F(Finished, LeavesForeignFoldersAlone) {
  for (const auto& [name, content] : {std::pair{"notes.txt", "mine"}, {"dataset.json", R"({"dataset": "drums"})"}}) {
    place.write(std::string("data/") + name, content);
    EXPECT_EQ(
        complaint("pocketsphinx"),
        output.string() +
            ": has files in it that are not of the dataset pocketsphinx\n    remove them or choose another folder");
    EXPECT_EQ(read_file(output / name), content);
    fs::remove_all(output);
  }
}

TEST_F(Finished, UnknownNamesHaveNeighbours) {
  EXPECT_EQ(
      test::message_of<SettingsError>([&] { prepared("keyword"); }),
      "unknown dataset 'keyword'\n    did you mean 'keywords'?\n    known: asterisk-en, drums, keywords, pocketsphinx");
}

}  // namespace
}  // namespace espalier::corpora
