#include <espalier/error.h>

#include <set>

#include "packages.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

class Drums : public Packages {
 protected:
  using Instruments = std::vector<std::pair<std::string, std::vector<std::string>>>;

  void kit(const std::string& name, const Instruments& instruments) {
    std::string xml = "<?xml version=\"1.0\"?>\n<drumkit_info xmlns=\"http://www.hydrogen-music.org/drumkit\"><name>" +
                      name + "</name>\n<instrumentList>\n";
    for (const auto& [instrument, files] : instruments) {
      xml += "<instrument><name> " + instrument + " </name>";
      for (const auto& file : files) xml += "<layer><filename>" + file + "</filename></layer>";
      xml += "</instrument>\n";
    }
    root.write(kits + name + "/drumkit.xml", xml + "</instrumentList></drumkit_info>\n");
  }
  void sound(const std::string& kit, const std::string& file) {
    write_tone(root / (kits + kit + "/" + file), 0.1, pitch_ += 10);
  }
  // The three splits with one sound each, which every dataset needs.
  void small_kits() {
    for (const char* name : {"Mine", "Audiophob", "ElectricEmpireKit"}) {
      kit(name, {{"Kick", {"kick.wav"}}});
      sound(name, "kick.wav");
    }
  }

  const std::string kits = "usr/share/hydrogen/data/drumkits/";
  double pitch_ = 100;
};

TEST_F(Drums, LabelsSoundsByTheirInstrument) {
  small_kits();
  const std::vector<std::pair<std::string, std::string>> names = {
      {"c3 - bass drum 1", "kick"},
      {"BassDrum", "kick"},
      {"Snare 2 (Pearl Free Floating Maple 14x3.5)", "snare"},
      {"Snare 2 Rimshot (Pearl)", "rim"},
      {"Stick", "rim"},
      {"Tom Mid", "tom"},
      {"tomhi2", "tom"},
      {"Ride Bow (Custom, Zagrebin 22\")", "ride"},
      {"Paiste Bell", "ride"},
      {"Crash Jazz", "crash"},
      {"Splash (Paiste Rude 10\")", "crash"},
      {"d#4 - cymbal 1", "crash"},
      {"Closed HH", "closed-hat"},
      {"Hi-Hat Pedal (Paiste)", "closed-hat"},
      {"VariBreaks Hat 1 Cl", "closed-hat"},
      {"Side HH", "closed-hat"},
      {"Open HH", "open-hat"},
      {"Side OHH", "open-hat"},
      {"Hi Hat Opened", "open-hat"},
      {"Hi-Hat Semiopen (Paiste)", "open-hat"},
      {"a#3 - hi-hat open", "open-hat"},
      {"Hat Op Dirty", "open-hat"},
      {"VariBreaks Hat 1 Op", "open-hat"},
      {"Crash/Ride Bell (Paiste)", ""},
      {"Tambourine Pedal", ""},
      {"Sabian Hat Choke", ""},
      {"Hand Clap", ""},
      {"Cowbell", ""},
      {"Sample: beats_01-10.flac", ""},
      {"17", ""}};
  Instruments instruments;
  std::map<std::string, std::string> expected;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto file = std::to_string(i) + ".wav";
    instruments.push_back({names[i].first, {file}});
    sound("Other", file);
    if (!names[i].second.empty()) expected[file] = names[i].second;
  }
  kit("Other", instruments);
  expected["kick.wav"] = "kick";

  const auto result = prepared("drums");

  EXPECT_EQ(by_name(output / "train.tsv"), expected);
  EXPECT_EQ(by_name(output / "test.tsv"), (std::map<std::string, std::string>{{"kick.wav", "kick"}}));
  EXPECT_EQ(result.classes, 8);
}

TEST_F(Drums, TakesEachSoundOnce) {
  small_kits();
  kit("Mine",
      {{"Kick", {"kick.wav", "copy.wav", "gone.wav"}}, {"Snare", {"both.wav"}}, {"Tom", {"both.wav", "text.wav"}}});
  fs::copy_file(root / (kits + "Mine/kick.wav"), root / (kits + "Mine/copy.wav"));
  sound("Mine", "both.wav");
  root.write(kits + "Mine/text.wav", "no sound");

  const auto result = prepared("drums");

  EXPECT_EQ(result.splits[0].rows, 1);
  EXPECT_EQ(
      result.notes,
      (std::vector<std::string>{"left out: 1 sounds that are not in the package, 1 unreadable, 1 of two classes"}));
}

TEST_F(Drums, ReadsTheRealPackage) {
  if (!fs::exists("/usr/share/hydrogen/data/drumkits")) GTEST_SKIP() << "apt-get install hydrogen-drumkits";
  const auto result = prepare("drums", {.output = output, .source = {}, .clips = {}});

  EXPECT_EQ(result.classes, 8);
  std::set<std::string> paths;
  std::map<std::string, std::set<std::string>> splits_of_kit, classes_of_split;
  std::size_t rows = 0;
  for (const char* split : {"train", "validation", "test"}) {
    for (const auto& row : read_table(output / (std::string(split) + ".tsv"))) {
      if (row[0] == "path") continue;
      ++rows;
      paths.insert(row[0]);
      splits_of_kit[fs::path(row[0]).parent_path().filename()].insert(split);
      classes_of_split[split].insert(row[1]);
    }
  }
  EXPECT_EQ(paths.size(), rows);
  for (const auto& [kit, splits] : splits_of_kit) EXPECT_EQ(splits.size(), 1U) << kit;
  for (const auto& [split, classes] : classes_of_split) EXPECT_EQ(classes.size(), 8U) << split;
}

TEST_F(Drums, NamesWhatIsWrong) {
  EXPECT_EQ(complaint("drums"),
            (root / "usr/share/hydrogen/data/drumkits").string() +
                ": is not there, the dataset drums is made from it\n    apt-get install hydrogen-drumkits brings it; "
                "--source is the folder that these were unpacked into");
  const auto file = root.write(kits + "Mine/drumkit.xml", "<drumkit_info>\n<name>");
  EXPECT_TRUE(complaint("drums").starts_with(file.string() + ":2: is not XML: ")) << complaint("drums");
  root.write(kits + "Mine/drumkit.xml", "<song></song>");
  EXPECT_EQ(complaint("drums"), file.string() + ": has no <instrumentList>, expected a drum kit of Hydrogen");
  kit("Mine", {{"Kick", {"kick.wav"}}});
  sound("Mine", "kick.wav");
  EXPECT_EQ(complaint("drums"),
            (root / "usr/share/hydrogen/data/drumkits").string() +
                ": has no sounds for validation\n    apt-get install --reinstall hydrogen-drumkits");
}

}  // namespace
}  // namespace espalier::corpora
