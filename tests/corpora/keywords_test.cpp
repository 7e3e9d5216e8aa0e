#include <espalier/error.h>

#include <cstdlib>
#include <set>

#include "packages.h"
#include "words/digest.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

bool espeak_is_here() { return std::system("espeak-ng --version >/dev/null 2>&1") == 0; }

class Keywords : public Packages {
 protected:
  Keywords() {
    preparation.output = output;
    preparation.clips = {.train = 40, .validation = 20, .test = 20};
  }
  Prepared result() { return prepare("keywords", preparation); }
  std::string complaint_of_keywords() {
    return test::message_of<InputError>([&] { result(); });
  }

  // A program that answers as espeak-ng does; a variant NAME sounds like NAME.wav, the voice without one like plain.wav.
  void fake_espeak(const std::vector<std::string>& variants) {
    std::string script = "#!/bin/sh\ncase $1 in\n--version) echo 'fake: 9.9  Data at: /'; exit;;\n--voices=variant)\n";
    for (const auto& variant : variants) script += "echo ' 5  variant  --/M  X  !v/" + variant + "   '\n";
    script += "exit;;\nesac\ncase $2 in *+*) name=${2#*+};; *) name=plain;; esac\ncp " + root.path().string() +
              "/$name.wav $10 2>/dev/null\n";
    // $10 needs braces in sh.
    script.replace(script.find("$10"), 3, "${10}");
    preparation.source = root.write("espeak", script);
    fs::permissions(preparation.source, fs::perms::owner_all);
    write_tone(root / "plain.wav", 0.5, 100);
  }

  Preparation preparation;
};

TEST_F(Keywords, AreSpokenByVoicesOfOneSplitOnly) {
  if (!espeak_is_here()) GTEST_SKIP() << "apt-get install espeak-ng";
  const auto made = result();

  EXPECT_EQ(made.classes, 20);
  ASSERT_EQ(made.splits.size(), 3U);
  EXPECT_EQ(made.splits[0].rows, 40);
  std::set<std::string> digests;
  for (const char* split : {"train", "validation", "test"}) {
    std::map<std::string, int> words;
    for (const auto& row : read_table(output / (std::string(split) + ".tsv"))) {
      if (row[0] == "path") continue;
      ++words[row[1]];
      EXPECT_TRUE(row[0].starts_with(std::string(split) + "/" + row[1] + "/")) << row[0];
      digests.insert(sha256_of_file(output / row[0]));
      SF_INFO info = {};
      SNDFILE* const sound = sf_open((output / row[0]).c_str(), SFM_READ, &info);
      ASSERT_NE(sound, nullptr);
      sf_close(sound);
      EXPECT_EQ(info.samplerate, 16000);
      EXPECT_EQ(info.channels, 1);
      EXPECT_EQ(info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
      EXPECT_GE(info.frames, 1600);
      EXPECT_LE(info.frames, 16000);
    }
    EXPECT_EQ(words.size(), 20U);
    for (const auto& [word, count] : words) EXPECT_EQ(count, std::string(split) == "train" ? 2 : 1) << word;
  }
  EXPECT_EQ(digests.size(), 80U);
  std::map<std::string, std::set<std::string>> splits_of_variant;
  const auto voices = read_table(output / "voices.tsv");
  for (const auto& row : voices) splits_of_variant[row[3]].insert(row[0].substr(0, row[0].find('/')));
  EXPECT_EQ(voices.size(), 81U);
  for (const auto& [variant, splits] : splits_of_variant) EXPECT_EQ(splits.size(), 1U) << variant;
}

TEST_F(Keywords, AreTheSameEveryTime) {
  if (!espeak_is_here()) GTEST_SKIP() << "apt-get install espeak-ng";
  preparation.clips = {.train = 20, .validation = 20, .test = 20};
  result();
  std::map<std::string, std::string> first;
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    if (entry.is_regular_file()) first[fs::relative(entry.path(), output)] = sha256_of_file(entry.path());
  }
  const auto kept = output;
  preparation.output = place / "again";
  result();

  for (const auto& [name, digest] : first) {
    EXPECT_EQ(sha256_of_file(preparation.output / name), digest) << name;
  }
  EXPECT_TRUE(result().already_there);
  fs::remove(preparation.output / read_table(preparation.output / "test.tsv")[1][0]);
  EXPECT_FALSE(result().already_there);
}

TEST_F(Keywords, LeaveOutVariantsThatDoNotSpeak) {
  fake_espeak({"silent", "short", "same", "missing", "Mr serious"});
  write_tone(root / "silent.wav", 0.5, 100, 8000, 0.001);
  write_tone(root / "short.wav", 0.02, 200);
  fs::copy_file(root / "plain.wav", root / "same.wav");

  EXPECT_EQ(
      complaint_of_keywords(),
      preparation.source.string() +
          ": has 0 voice variants and 7 English accents that speak, too few for three splits\n    apt-get install "
          "espeak-ng espeak-ng-data brings about 100 and 7");
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(Keywords, AreNeverTheSameTwice) {
  std::vector<std::string> variants;
  for (int number = 0; number < 20; ++number) {
    variants.emplace_back("f").append(std::to_string(number));
    write_tone(root / (variants.back() + ".wav"), 0.5, 200 + 20 * number);
  }
  fake_espeak(variants);

  const auto message = complaint_of_keywords();

  EXPECT_TRUE(message.starts_with("espeak-ng 9.9: ")) << message;
  EXPECT_TRUE(message.ends_with(
      " of 40 clips of train are silent, longer than 1 s or spoken before, after 20 attempts each\n    try another "
      "version of espeak-ng"))
      << message;
}

TEST_F(Keywords, StopWhenAsked) {
  fake_espeak({"a", "b"});
  preparation.stopped = [] { return true; };

  EXPECT_THROW(result(), Stopped);
  EXPECT_TRUE(fs::is_empty(place.path()));
}

TEST_F(Keywords, NameTheProgramThatIsMissing) {
  preparation.source = "/no/espeak-ng";
  EXPECT_EQ(
      complaint_of_keywords(),
      "/no/espeak-ng: cannot be started: No such file or directory\n    apt-get install espeak-ng brings it; --source "
      "names it where it is somewhere else");
  preparation.source = root.write("mute", "#!/bin/sh\n");
  fs::permissions(preparation.source, fs::perms::owner_all);
  EXPECT_EQ(complaint_of_keywords(),
            preparation.source.string() +
                ": does not answer --version as espeak-ng does\n    apt-get install espeak-ng brings it");
}

}  // namespace
}  // namespace espalier::corpora
