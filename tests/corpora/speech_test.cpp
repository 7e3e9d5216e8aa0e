#include <espalier/error.h>
#include <zlib.h>

#include "packages.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

const std::string transcripts = "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz";
const std::string sounds = "usr/share/asterisk/sounds/en_US_f_Allison/";

class Asterisk : public Packages {
 protected:
  void write(const std::string& text) {
    const auto file = root.write(transcripts, "");
    const auto gz = gzopen(file.c_str(), "wb");
    gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
    gzclose(gz);
  }
  void sound(const std::string& key, double seconds) { write_tone(root / (sounds + key + ".wav"), seconds); }
};

TEST_F(Asterisk, SplitsPromptsByWhatTheySay) {
  write(
      "; a comment\n\n"
      "four: One two, three four.\r\n"
      "dots: One two-three...\n"
      "digits: Press 1 to go on.\n"
      "two: Hello world.\n"
      "one: Activated.\n"
      "tone: one two three four [a tone]\n"
      "long: one two three four five\n"
      "digits/limit:\ta colon: it stays here\n"
      "silent: this one has no sound\n"
      "again: One two, three four.\n");
  for (const char* key : {"four", "dots", "digits", "two", "one", "tone", "digits/limit", "again"}) sound(key, 0.5);
  sound("long", 28.1);

  const auto result = prepared("asterisk-en");

  EXPECT_EQ(by_name(output / "test.tsv"), (std::map<std::string, std::string>{{"four.wav", "One two, three four."},
                                                                              {"limit.wav", "a colon: it stays here"},
                                                                              {"again.wav", "One two, three four."}}));
  EXPECT_EQ(by_name(output / "validation.tsv"),
            (std::map<std::string, std::string>{
                {"dots.wav", "One two-three..."}, {"digits.wav", "Press 1 to go on."}, {"two.wav", "Hello world."}}));
  const auto rows = read_table(output / "test.tsv");
  EXPECT_EQ(rows[0], (std::vector<std::string>{"path", "text"}));
  EXPECT_EQ(rows[2][0], (root / (sounds + "digits/limit.wav")).string());
  ASSERT_EQ(result.splits.size(), 2U);
  EXPECT_EQ(result.splits[1].rows, 3);
  EXPECT_EQ(result.splits[1].words, 13);
  EXPECT_NEAR(result.splits[1].seconds, 1.5, 1e-9);
  EXPECT_EQ(result.notes[1], "transcripts without a sound file: silent");
}

TEST_F(Asterisk, ReadsTheRealPackages) {
  if (!fs::exists("/" + transcripts) || !fs::exists("/" + sounds)) {
    GTEST_SKIP() << "apt-get install asterisk-core-sounds-en asterisk-core-sounds-en-wav";
  }
  const auto result = prepare("asterisk-en", {.output = output, .source = {}, .clips = {}});

  EXPECT_EQ(result.splits[1].rows, 191);
  EXPECT_EQ(result.splits[1].words, 1685);
  EXPECT_NEAR(result.splits[1].seconds, 663, 1);
  EXPECT_GT(result.splits[0].rows, 100);
}

TEST_F(Asterisk, NamesWhatIsWrong) {
  EXPECT_EQ(complaint("asterisk-en"),
            (root / transcripts).string() +
                ": is not there, the dataset asterisk-en is made from it\n    apt-get install asterisk-core-sounds-en "
                "asterisk-core-sounds-en-wav brings it; --source is the folder that these were unpacked into");
  write("first: One\nno transcript\n");
  fs::create_directories(root / sounds);
  EXPECT_EQ(
      complaint("asterisk-en"),
      (root / transcripts).string() + ":2: is no transcript, expected 'key: text' or a comment that starts with ';'");
  write("first: One two three four\n");
  EXPECT_EQ(complaint("asterisk-en"),
            (root / "usr/share/asterisk/sounds/en_US_f_Allison").string() +
                ": has no usable prompts\n    apt-get install --reinstall asterisk-core-sounds-en "
                "asterisk-core-sounds-en-wav");
  write(std::string(100000, 'a') + ": text");
  auto bytes = read_file(root / transcripts);
  root.write(transcripts, bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(complaint("asterisk-en"), (root / transcripts).string() + ": is damaged, it cannot be unpacked");
  write(std::string((16 << 20) + 1, 'a'));
  EXPECT_EQ(complaint("asterisk-en"), (root / transcripts).string() + ": is larger than 16 MiB, expected transcripts");
  EXPECT_FALSE(fs::exists(output));
}

class Pocketsphinx : public Packages {
 protected:
  Pocketsphinx() {
    write_tone(root / (folder + "cards/001.wav"), 1);
    write_tone(root / (folder + "librivox/a-b.wav"), 2);
    root.write(folder + "librivox/transcription", "<s> he was not  </s> (a-b)\n\n");
  }
  const std::string folder = "usr/share/pocketsphinx/test/data/";
};

TEST_F(Pocketsphinx, TakesSentencesAndCards) {
  root.write(folder + "cards/cards.transcription", "<s> ten of clubs  </s> (001)\n");

  const auto result = prepared("pocketsphinx");

  EXPECT_EQ(by_name(output / "test.tsv"),
            (std::map<std::string, std::string>{{"a-b.wav", "he was not"}, {"001.wav", "ten of clubs"}}));
  ASSERT_EQ(result.splits.size(), 1U);
  EXPECT_EQ(result.splits[0].words, 6);
  EXPECT_NEAR(result.splits[0].seconds, 3, 1e-9);
}

TEST_F(Pocketsphinx, ReadsTheRealPackage) {
  if (!fs::exists("/usr/share/pocketsphinx/test/data")) GTEST_SKIP() << "apt-get install pocketsphinx-testdata";
  const auto result = prepare("pocketsphinx", {.output = output, .source = {}, .clips = {}});

  EXPECT_EQ(result.splits[0].rows, 10);
  EXPECT_NEAR(result.splits[0].seconds, 34.4, 0.1);
}

TEST_F(Pocketsphinx, NamesWhatIsWrong) {
  const auto cards = root.write(folder + "cards/cards.transcription", "<s> ten of clubs (001)\n");
  EXPECT_EQ(complaint("pocketsphinx"), cards.string() + ":1: is no transcript, expected '<s> words </s> (name)'");
  root.write(folder + "cards/cards.transcription", "<s> ten </s> (001)\n<s> ten </s> (002)\n");
  EXPECT_EQ(complaint("pocketsphinx"), cards.string() + ":2: its sound " +
                                           (root / (folder + "cards/002.wav")).string() +
                                           " is missing or cannot be read");
}

// A header that promises a second, and half of it.
TEST_F(Pocketsphinx, RefusesASoundThatHoldsLessThanItPromises) {
  const auto cards = root.write(folder + "cards/cards.transcription", "<s> ten of clubs  </s> (001)\n");
  const auto sound = root / (folder + "cards/001.wav");
  const auto whole = read_file(sound);
  write_file(sound, whole.substr(0, whole.size() / 2));
  EXPECT_EQ(complaint("pocketsphinx"),
            cards.string() + ":1: its sound " + sound.string() + " is missing or cannot be read");
}

}  // namespace
}  // namespace espalier::corpora
