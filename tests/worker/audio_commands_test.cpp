// Sounds and speech as a user meets them: the commands on small files, and what is said of files that cannot be used.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/run_program.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path fixtures = fs::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/nn/audio";

// --- sounds

struct Sound {
  std::vector<float> samples;  // of several channels in turn
  std::uint32_t rate = 16000;
  std::uint16_t channels = 1;
  bool real = false;  // 32-bit numbers, else 16-bit ones
};

std::string wav(const Sound& sound) {
  std::string data;
  const auto put = [](std::string& bytes, auto number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const float sample : sound.samples) {
    if (sound.real)
      put(data, sample);
    else
      put(data, static_cast<std::int16_t>(std::lround(sample * 32767)));
  }
  const auto width = static_cast<std::uint16_t>(sound.real ? 4 : 2);
  std::string file = "RIFF";
  put(file, static_cast<std::uint32_t>(36 + data.size()));
  file += "WAVEfmt ";
  put(file, std::uint32_t{16});
  put(file, static_cast<std::uint16_t>(sound.real ? 3 : 1));
  put(file, sound.channels);
  put(file, sound.rate);
  put(file, static_cast<std::uint32_t>(sound.rate * sound.channels * width));
  put(file, static_cast<std::uint16_t>(sound.channels * width));
  put(file, static_cast<std::uint16_t>(width * 8));
  file += "data";
  put(file, static_cast<std::uint32_t>(data.size()));
  return file + data;
}

Sound tone(double hertz, double seconds, std::uint32_t rate = 16000) {
  Sound sound{{}, rate};
  for (int i = 0; i < std::lround(seconds * rate); ++i)
    sound.samples.push_back(static_cast<float>(0.5 * std::sin(2 * M_PI * hertz * i / rate)));
  return sound;
}

// --- worlds

// A folder with five tones of 0.2 s, and the program to use on them.
class AudioWorld {
 public:
  AudioWorld() {
    const std::vector<double> hertz = {300, 500, 900, 2000, 3000};
    for (std::size_t i = 0; i < hertz.size(); ++i) sound("tone" + std::to_string(i) + ".wav", tone(hertz[i], 0.2));
  }

  void sound(const std::string& name, const Sound& sound) const { folder.write(name, wav(sound)); }
  // Rows are {path, what belongs to it}.
  void table(const std::string& name, const std::string& column,
             const std::vector<std::pair<std::string, std::string>>& rows) const {
    std::string text = "path\t" + column + "\n";
    for (const auto& [path, content] : rows) text += path + "\t" + content + "\n";
    folder.write(name, text);
  }
  void checkpoint(const std::string& fixture, const std::string& name) const {
    fs::copy(fixtures / fixture, folder / name, fs::copy_options::recursive);
  }
  Json json(const std::string& name) const { return Json::parse(read_file(folder / name)); }

  Ran espalier(std::vector<std::string> words) const {
    words.insert(words.begin(), program("espalier"));
    return run_program(words, folder.path(), {"OMP_NUM_THREADS=1"});  // so little work is not worth a second thread
  }

  TempDir folder;
};

// What is said when it ends with this code, without the last line break.
std::string said(const Ran& ran, int exit_code) {
  EXPECT_EQ(ran.exit_code, exit_code) << ran.out << ran.err;
  for (const char* noise : {"Exception raised from", "frame #", "terminate called", "what():"})
    EXPECT_EQ(ran.err.find(noise), std::string::npos) << ran.err;
  auto text = ran.err;
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Json answer(const Ran& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  auto json = Json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << ran.out;
  return json;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// An AST with 3 classes that looks at 20 frames: 0.215 s.
class Classes : public testing::Test {
 protected:
  Classes() {
    world.checkpoint("ast_relu", "model");
    labels(five);
  }
  void labels(const std::vector<std::pair<std::string, std::string>>& rows) const {
    world.table("test.tsv", "label", rows);
  }
  Ran evaluate(const std::vector<std::string>& more = {}, const std::string& format = "audio-classification") const {
    std::vector<std::string> words = {"evaluate", "--model",  "model", "--data",
                                      "test.tsv", "--format", format,  "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return world.espalier(words);
  }
  Json metrics(const std::vector<std::string>& more = {}, const std::string& format = "audio-classification") const {
    return answer(evaluate(more, format))["metrics"];
  }
  // Of one file that is held to be of the first class.
  double loss(const std::string& file, const std::vector<std::string>& more = {}) const {
    labels({{file, "class 0"}});
    return metrics(more)["cross_entropy"];
  }

  const std::vector<std::pair<std::string, std::string>> five = {{"tone0.wav", "class 0"},
                                                                 {"tone1.wav", "class 1"},
                                                                 {"tone2.wav", "class 2"},
                                                                 {"tone3.wav", "class 0"},
                                                                 {"tone4.wav", "class 1"}};
  const AudioWorld world;
};

// A Whisper that looks at 20 frames of 50 ms, writes at most 12 letters, and has a token for each small letter.
class Speech : public testing::Test {
 protected:
  Speech() {
    world.checkpoint("whisper_untied", "model");
    world.folder.write("model/preprocessor_config.json",
                       R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 8,
                           "sampling_rate": 16000, "hop_length": 800, "n_fft": 400, "chunk_length": 1})");
    tokenizer = {{"model", {{"type", "BPE"}, {"vocab", Json::object()}, {"merges", Json::array()}}}};
    std::int64_t id = 0;
    for (const std::string letters : {"Ġ", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
                                      "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"}) {
      while (id == 5 || id == 20) ++id;
      tokenizer["model"]["vocab"][letters] = id++;
    }
    for (const auto& [special, content] : std::map<std::int64_t, std::string>{
             {5, "<|startoftranscript|>"}, {20, "<|endoftext|>"}, {39, "<|notimestamps|>"}})
      tokenizer["added_tokens"].push_back({{"id", special}, {"content", content}, {"special", true}});
    write_tokenizer();
    texts(four);
  }
  void write_tokenizer() const { world.folder.write("model/tokenizer.json", tokenizer.dump()); }
  void texts(const std::vector<std::pair<std::string, std::string>>& rows) const {
    world.table("test.tsv", "text", rows);
  }
  Ran evaluate(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"evaluate",           "--model", "model", "--data", "test.tsv", "--format",
                                      "speech-recognition", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return world.espalier(words);
  }
  Json metrics(const std::vector<std::string>& more = {}) const { return answer(evaluate(more))["metrics"]; }

  const std::vector<std::pair<std::string, std::string>> four = {
      {"tone0.wav", "my dog"}, {"tone1.wav", "three"}, {"tone2.wav", "go on home"}, {"tone3.wav", "stop"}};
  const AudioWorld world;
  Json tokenizer;
};

// --- sounds and classes

TEST_F(Classes, AreEvaluated) {
  const auto found = answer(evaluate({"--predictions", "right.txt"}));

  EXPECT_EQ(found["examples"], 5);
  EXPECT_GT(found["multiply_adds"], 0);
  for (const char* metric : {"accuracy", "macro_f1", "mcc", "cross_entropy"})
    EXPECT_TRUE(found["metrics"].contains(metric)) << metric;
  for (const char* note : {"files_cut", "files_left_out"}) EXPECT_FALSE(found["metrics"].contains(note)) << note;
  const auto right = lines_of(world.folder / "right.txt").at(0);
  ASSERT_EQ(right.size(), 5u);
  EXPECT_DOUBLE_EQ(found["metrics"]["accuracy"], static_cast<double>(std::count(right.begin(), right.end(), '1')) / 5);
}

// Each file has one best class, so of all three labels one is right.
TEST_F(Classes, OfOneFileOneIsRight) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [path, label] : five) {
    for (const char* each : {"class 0", "class 1", "class 2"}) rows.emplace_back(path, each);
  }
  labels(rows);
  EXPECT_DOUBLE_EQ(metrics()["accuracy"], 1.0 / 3);
}

TEST_F(Classes, AreTheSameForStereoAndOtherRates) {
  const auto plain = tone(300, 0.2), faster = tone(300, 0.2, 44100);
  Sound stereo{{}, 44100, 2, true};
  for (const float sample : faster.samples) {
    stereo.samples.push_back(1.5F * sample);
    stereo.samples.push_back(0.5F * sample);
  }
  world.sound("stereo.wav", stereo);
  world.sound("real.wav", {plain.samples, 16000, 1, true});

  const auto expected = loss("real.wav");
  EXPECT_NEAR(loss("stereo.wav"), expected, 1e-3);
  EXPECT_NEAR(loss("tone0.wav"), expected, 0.05);  // rounded to 16 bits
  EXPECT_GT(std::abs(loss("tone4.wav") - expected), 0.01);
}

TEST_F(Classes, OfALongSoundAreThoseOfItsBeginning) {
  auto sound = tone(700, 0.215);
  ASSERT_EQ(sound.samples.size(), 3440u);
  world.sound("beginning.wav", sound);
  const auto other = tone(2500, 1);
  sound.samples.insert(sound.samples.end(), other.samples.begin(), other.samples.end());
  world.sound("long.wav", sound);

  EXPECT_EQ(loss("long.wav"), loss("beginning.wav"));
  labels({{"long.wav", "class 0"}, {"tone0.wav", "class 0"}});
  const auto ran = evaluate();
  EXPECT_EQ(answer(ran)["metrics"]["files_cut"], 1);
  EXPECT_EQ(said(ran, 0), "1 of 2 files are longer than 0.2 s: only their beginning counts");
}

TEST_F(Classes, OfAChangedSoundAreFoundAnew) {
  const auto before = loss("tone0.wav"), again = loss("tone0.wav");
  world.sound("tone0.wav", tone(3000, 0.2));

  EXPECT_EQ(before, again);
  EXPECT_EQ(loss("tone0.wav"), loss("tone4.wav"));
  EXPECT_NE(loss("tone0.wav"), before);
}

TEST_F(Classes, MayBeSeveral) {
  labels({{"tone0.wav", "class 0;class 2"}, {"tone1.wav", "class 1"}, {"tone2.wav", ""}, {"tone3.wav", "class 2"}});
  const auto found = answer(evaluate({}, "audio-tagging"));

  EXPECT_EQ(found["examples"], 4);
  EXPECT_GT(found["metrics"]["map"], 0);
  EXPECT_LE(found["metrics"]["map"], 1);
  EXPECT_EQ(found["metrics"]["classes_without_positives"], 0);
  labels({{"tone0.wav", "class 0;class 3"}});
  EXPECT_EQ(said(evaluate({}, "audio-tagging"), 5).substr(0, 35), "test.tsv:2: unknown label 'class 3'");
}

TEST_F(Classes, OfAudioSetHaveTheNamesOfItsTable) {
  fs::create_directory(world.folder / "sounds");
  fs::copy_file(world.folder / "tone0.wav", world.folder / "sounds/a-b.wav");
  fs::copy_file(world.folder / "tone1.wav", world.folder / "sounds/c-d.wav");
  world.folder.write("test.tsv",
                     "# Segments\n# YTID, start_seconds, end_seconds, positive_labels\n"
                     "a-b, 0.0, 10.0, \"/m/0,/m/2\"\nc-d, 0.0, 10.0, \"/m/1\"\n");
  world.folder.write("names.csv", "index,mid,display_name\n0,/m/0,class 0\n1,/m/1,class 1\n2,/m/2,\"class 2\"\n");
  const auto named = metrics({"--audio", "sounds", "--classes", "names.csv"}, "audio-tagging");

  labels({{"tone0.wav", "class 0;class 2"}, {"tone1.wav", "class 1"}});
  EXPECT_EQ(named, metrics({}, "audio-tagging"));
}

TEST_F(Classes, OfAFolderAreItsSubfolders) {
  for (const auto& [from, to] : std::map<std::string, std::string>{{"tone0.wav", "class 0/a.wav"},
                                                                   {"tone1.wav", "class 1/b.wav"},
                                                                   {"tone2.wav", "class 2/c.wav"},
                                                                   {"tone3.wav", "class 0/d.wav"},
                                                                   {"tone4.wav", "class 1/e.wav"}}) {
    fs::create_directories((world.folder / ("words/" + to)).parent_path());
    fs::copy_file(world.folder / from, world.folder / ("words/" + to));
  }
  world.folder.write("words/testing_list.txt", "class 0/a.wav\nclass 1/b.wav\n");
  world.folder.write("words/validation_list.txt", "class 2/c.wav\n");
  const auto of_folder = [&](const std::string& split) {
    return answer(world.espalier({"evaluate", "--model", "model", "--data", "words", "--split", split, "--format",
                                  "audio-classification", "--json"}));
  };

  EXPECT_EQ(of_folder("test")["examples"], 2);
  EXPECT_EQ(of_folder("validation")["examples"], 1);
  labels({{"tone3.wav", "class 0"}, {"tone4.wav", "class 1"}});
  EXPECT_EQ(of_folder("train")["metrics"], metrics());
}

// --- sounds that cannot be used

class BadSounds : public Classes {
 protected:
  BadSounds() {
    world.sound("empty.wav", {});
    world.folder.write("text.wav", "this is no sound");
    world.sound("long.wav", tone(300, 2.5));
    world.sound("short.wav", tone(300, 0.02));
    auto damaged = tone(300, 0.2);
    damaged.real = true;
    damaged.samples[1234] = std::numeric_limits<float>::quiet_NaN();
    world.sound("nan.wav", damaged);
  }
};

TEST_F(BadSounds, AreNamedInOneReport) {
  labels({{"tone0.wav", "class 0"}, {"empty.wav", "class 0"}, {"text.wav", "class 1"}, {"long.wav", "class 2"}});
  EXPECT_EQ(said(evaluate({"--long-audio", "refuse"}), 5),
            "3 of 4 sound files cannot be used\n"
            "    empty.wav: holds no samples\n"
            "    text.wav: is no sound file that can be read (Format not recognised)\n"
            "    long.wav: is 2.5 s long, the model hears 0.2 s\n"
            "    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them; "
            "long_audio = \"cut\" or \"chunk\" takes long ones");
  labels({{"nan.wav", "class 0"}, {"tone0.wav", "class 0"}, {"short.wav", "class 1"}});
  EXPECT_EQ(said(evaluate(), 5),
            "2 of 3 sound files cannot be used\n"
            "    nan.wav: sample 1234 is not a finite number\n"
            "    short.wav: is too short: 320 samples at 16000 Hz, one frame needs 400\n"
            "    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them");
}

TEST_F(BadSounds, AreLeftOutAndCountedIfAskedFor) {
  const std::vector<std::pair<std::string, std::string>> good = {{"tone0.wav", "class 0"}, {"tone1.wav", "class 1"}};
  auto all = good;
  for (const char* bad : {"empty.wav", "text.wav", "nan.wav", "short.wav"}) all.emplace_back(bad, "class 2");
  labels(all);

  const auto ran = evaluate({"--bad-files", "skip"});

  auto found = answer(ran);
  EXPECT_EQ(found["examples"], 2);
  EXPECT_EQ(found["metrics"]["files_left_out"], 4);
  EXPECT_EQ(said(ran, 0),
            "left out: empty.wav: holds no samples\n"
            "left out: text.wav: is no sound file that can be read (Format not recognised)\n"
            "left out: nan.wav: sample 1234 is not a finite number\n"
            "left out: short.wav: is too short: 320 samples at 16000 Hz, one frame needs 400");
  found["metrics"].erase("files_left_out");
  labels(good);
  EXPECT_EQ(found["metrics"], metrics());
}

TEST_F(BadSounds, ThatAreAllThereIsLeaveNothing) {
  labels({{"empty.wav", "class 0"}, {"text.wav", "class 1"}});
  EXPECT_EQ(said(evaluate({"--bad-files", "skip"}), 5),
            "none of the 2 sound files can be used\n    empty.wav: holds no samples\n"
            "    text.wav: is no sound file that can be read (Format not recognised)");
}

TEST_F(BadSounds, ThatAreNotThereAreNamed) {
  labels({{"tone0.wav", "class 0"}, {"gone.wav", "class 0"}, {"lost/tone.wav", "class 1"}});
  const auto text = said(evaluate(), 5);
  for (const char* name : {"gone.wav", "lost/tone.wav"}) EXPECT_NE(text.find(name), std::string::npos) << text;
  EXPECT_EQ(text.find("tone0.wav"), std::string::npos) << text;
}

TEST_F(BadSounds, ThatAreNotThereAreNamedAndLeftOutWithTheOthers) {
  labels({{"tone0.wav", "class 0"}, {"gone.wav", "class 0"}, {"empty.wav", "class 1"}, {"lost/tone.wav", "class 1"}});
  EXPECT_EQ(
      said(evaluate(), 5),
      "3 of 4 sound files cannot be used\n    gone.wav: there is no such sound file\n    empty.wav: holds no samples\n"
      "    lost/tone.wav: there is no such sound file\n    bad_files = \"skip\" (on the command line --bad-files skip) "
      "leaves them out and counts them");
  const auto ran = evaluate({"--bad-files", "skip"});
  EXPECT_EQ(answer(ran)["examples"], 1);
  EXPECT_EQ(answer(ran)["metrics"]["files_left_out"], 3);
  EXPECT_EQ(said(ran, 0),
            "left out: gone.wav: there is no such sound file\nleft out: empty.wav: holds no samples\n"
            "left out: lost/tone.wav: there is no such sound file");
}

TEST_F(BadSounds, DoNotReplaceTheNearestNameOfAFormat) {
  const auto text = said(evaluate({}, "audio-clasification"), 2);
  EXPECT_TRUE(text.starts_with("unknown data format 'audio-clasification'\n    did you mean 'audio-classification'?\n"))
      << text;
}

TEST_F(BadSounds, AreNotClassifiedInChunks) {
  labels({{"long.wav", "class 0"}});
  EXPECT_EQ(said(evaluate({"--long-audio", "chunk"}), 2),
            "long_audio is 'chunk', which joins what a Whisper model writes of each part\n"
            "    expected refuse or cut for audio-classification");
}

TEST_F(BadSounds, WithASampleThatIsNoNumberAreRefused) {
  labels({{"nan.wav", "class 0"}});
  EXPECT_EQ(said(evaluate(), 5),
            "nan.wav: sample 1234 is not a finite number\n    repair or leave out the file\n"
            "    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them");
}

TEST_F(BadSounds, UnknownWordsNameTheNearest) {
  EXPECT_EQ(said(evaluate({"--bad-files", "skp"}), 2),
            "unknown --bad-files 'skp'\n    did you mean 'skip'?\n    known: refuse, skip");
  EXPECT_EQ(said(evaluate({"--long-audio", "chop"}), 2), "unknown --long-audio 'chop'\n    known: chunk, cut, refuse");
}

TEST_F(Classes, ThatTheModelDoesNotKnowAreRefused) {
  labels({{"tone0.wav", "class 0"}, {"tone1.wav", "clas 1"}, {"tone2.wav", "clas 1"}});
  EXPECT_EQ(said(evaluate(), 5),
            "test.tsv:3: unknown label 'clas 1'\n    did you mean 'class 1'?\n    known: class 0, class 1, class 2\n"
            "    2 rows have a label that the model does not know");
}

TEST_F(Classes, NeedTheirColumns) {
  world.table("test.tsv", "labels", five);
  EXPECT_EQ(said(evaluate(), 5),
            "test.tsv:1: has no column 'label'\n    instead of 'label', did you mean 'labels'?\n"
            "    its columns: path, labels\n    expected a header with path and label; the dataset's key label (on the "
            "command line --label) names the second");
  EXPECT_EQ(answer(evaluate({"--label", "labels"}))["examples"], 5);
}

TEST_F(Classes, AreNotReadFromTexts) {
  world.folder.write("test.tsv", "text\tlabel\nred\tcolour\n");
  EXPECT_EQ(said(evaluate({}, "text-classification"), 5),
            "model: is of family ast, which cannot read text-classification data\n"
            "    it reads audio-classification, audio-tagging");
  EXPECT_EQ(said(evaluate({}, "speech-recognition"), 5),
            "model: is of family ast, which cannot read speech-recognition data\n"
            "    it reads audio-classification, audio-tagging");
}

TEST_F(Classes, NeedAHead) {
  fs::remove_all(world.folder / "model");
  world.checkpoint("ast_headless", "model");
  EXPECT_EQ(said(evaluate(), 5),
            "model: has no classification head, so there is nothing to evaluate\n    espalier train makes one");
}

// --- training

class Training : public Classes {
 protected:
  Training() {
    auto config = world.json("model/config.json");
    config.erase("id2label");
    config.erase("label2id");
    world.folder.write("fresh/config.json", config.dump());
    const auto write = [&](const std::string& name, int files, int offset) {
      std::vector<std::pair<std::string, std::string>> rows;
      for (int i = 0; i < files; ++i) {
        const auto file = name + std::to_string(i) + ".wav";
        world.sound(file, tone((i % 2 == 0 ? 200 : 4000) + 37 * ((i + offset) % 11), 0.22));
        rows.emplace_back(file, i % 2 == 0 ? "low" : "high");
      }
      world.table(name + ".tsv", "label", rows);
    };
    write("train", 16, 0);
    write("validation", 6, 3);
    write("unseen", 8, 7);
  }
  Ran train(const std::string& model, const std::string& output, const std::vector<std::string>& settings = {}) const {
    std::vector<std::string> words = {"train",
                                      "--model",
                                      model,
                                      "--data",
                                      "train.tsv",
                                      "--validation",
                                      "validation.tsv",
                                      "--format",
                                      "audio-classification",
                                      "--threads",
                                      "1",
                                      "--output",
                                      output};
    for (const auto& setting : settings) words.insert(words.end(), {"--set", setting});
    return world.espalier(words);
  }
  const std::vector<std::string> scratch = {"start=scratch", "epochs=8", "batch=4", "learning_rate=0.005"};
};

TEST_F(Training, FromScratchMakesACheckpointThatEvaluates) {
  const auto trained = train("fresh", "trained", scratch);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_TRUE(trained.out.starts_with("trained: 16 examples, 2 classes, 32 steps in ")) << trained.out;

  const auto found = answer(world.espalier(
      {"evaluate", "--model", "trained", "--data", "unseen.tsv", "--format", "audio-classification", "--json"}));
  EXPECT_EQ(found["examples"], 8);
  EXPECT_EQ(found["metrics"]["accuracy"], 1);
  const auto config = world.json("trained/config.json");
  EXPECT_EQ(config["id2label"], (Json{{"0", "high"}, {"1", "low"}}));
  EXPECT_EQ(config["architectures"][0], "ASTForAudioClassification");
  EXPECT_FALSE(fs::exists(world.folder / "fresh/model.safetensors"));
}

TEST_F(Training, IsTheSameEachTimeAndDiffersWithSeedAndAugmentation) {
  const auto weights = [&](const std::string& output, const std::vector<std::string>& more) {
    auto settings = scratch;
    settings[1] = "epochs=1";
    settings.insert(settings.end(), more.begin(), more.end());
    const auto trained = train("fresh", output, settings);
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    return read_file(world.folder / (output + "/model.safetensors"));
  };
  const auto first = weights("a", {});
  EXPECT_TRUE(first == weights("b", {}));
  EXPECT_FALSE(first == weights("c", {"seed=1"}));
  EXPECT_FALSE(first == weights("d", {"mixup=0.5", "frequency_mask=2", "time_mask=4", "shift=2", "noise=0.1"}));
}

TEST_F(Training, GoesOnFromACheckpointOfOtherClasses) {
  ASSERT_EQ(train("model", "tuned", {"epochs=1"}).exit_code, 0);
  EXPECT_EQ(world.json("tuned/config.json")["id2label"], (Json{{"0", "high"}, {"1", "low"}}));
}

TEST_F(Training, FromAFolderWithoutWeightsIsRefused) {
  EXPECT_EQ(
      said(train("fresh", "trained"), 5),
      "fresh/model.safetensors: not found\n    to make the weights of this ast model anew, from its config.json: --set "
      "start=scratch");
  EXPECT_FALSE(fs::exists(world.folder / "trained"));
}

TEST_F(Training, RefusesSettingsOutOfRange) {
  EXPECT_EQ(said(train("fresh", "trained", {"start=scrach"}), 2),
            "unknown value of setting 'start' of recipe 'train': 'scrach'\n    did you mean 'scratch'?\n"
            "    known: checkpoint, scratch");
  EXPECT_EQ(said(train("fresh", "trained", {"start=scratch", "mixup=-1"}), 2),
            "--set: mixup, frequency_mask, time_mask, shift, noise and deviations are 0 or more");
}

TEST_F(Training, RefusesDataThatTheFamilyCannotRead) {
  EXPECT_EQ(said(world.espalier({"train", "--model", "model", "--data", "train.tsv", "--format", "speech-recognition",
                                 "--output", "trained"}),
                 5),
            "model: is of family ast, which cannot read speech-recognition data\n"
            "    it reads audio-classification, audio-tagging");
}

TEST_F(Training, LeavesOutSoundsThatAreNotThereIfAskedFor) {
  fs::remove(world.folder / "train3.wav");
  const auto words = std::vector<std::string>{
      "train", "--model",  "model",    "--data",  "train.tsv",  "--format", "audio-classification",
      "--set", "epochs=1", "--output", "trained", "--bad-files"};
  auto skip = words, refuse = words;
  skip.push_back("skip");
  refuse.push_back("refuse");
  const auto refused = said(world.espalier(refuse), 5);  // behind a line on the head that is replaced
  EXPECT_NE(refused.find("train3.wav: there is no such sound file"), std::string::npos) << refused;
  const auto ran = world.espalier(skip);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("trained: 15 examples, 2 classes, ")) << ran.out;
}

TEST_F(Training, RefusesALabelThatTheTrainSplitLacks) {
  world.table("validation.tsv", "label", {{"tone0.wav", "lwo"}});
  const auto text = said(train("fresh", "trained", scratch), 5);
  EXPECT_NE(text.find("validation.tsv:2: unknown label 'lwo'\n    did you mean 'low'?\n    known: high, low"),
            std::string::npos)
      << text;
}

TEST_F(Classes, ArePredictedOfAFileAFolderAndATable) {
  const auto of = [&](const std::string& input) {
    return answer(world.espalier({"predict", "--model", "model", "--input", input, "--format", "json", "--top", "0"}));
  };
  fs::create_directory(world.folder / "sounds");
  for (int i = 0; i < 5; ++i)
    fs::copy_file(world.folder / ("tone" + std::to_string(i) + ".wav"),
                  world.folder / "sounds" / (std::to_string(i) + ".wav"));
  const auto folder = of("sounds"), file = of("sounds/3.wav");
  world.folder.write("paths.csv", "path\nsounds/3.wav\nsounds/0.wav\n");
  const auto table = of("paths.csv");
  ASSERT_EQ(folder["results"].size(), 5u);
  // Sounds that are computed together are the same but for the last bits of a float32.
  const auto expect_equal = [](const Json& one, const Json& other) {
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i]["label"], other[i]["label"]);
      EXPECT_NEAR(one[i]["probability"].get<double>(), other[i]["probability"].get<double>(), 1e-6);
    }
  };
  EXPECT_EQ(folder["results"][3]["input"], "sounds/3.wav");
  EXPECT_EQ(file["results"][0]["input"], "sounds/3.wav");
  expect_equal(folder["results"][3]["labels"], file["results"][0]["labels"]);
  expect_equal(table["results"][0]["labels"], file["results"][0]["labels"]);

  // The likeliest class is the one that evaluate holds for right.
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& one : folder["results"]) rows.emplace_back(one["input"], one["labels"][0]["label"]);
  labels(rows);
  EXPECT_EQ(metrics()["accuracy"], 1);
}

TEST_F(Classes, ArePredictedOfTheGoodFilesAndTheBadOnesAreNamed) {
  fs::create_directory(world.folder / "sounds");
  fs::copy_file(world.folder / "tone0.wav", world.folder / "sounds/good.wav");
  world.folder.write("sounds/bad.wav", "this is no sound");
  const auto cut = read_file(world.folder / "tone1.wav").substr(0, 2044);
  world.folder.write("sounds/cut.wav", cut);
  const auto ran = world.espalier({"predict", "--model", "model", "--input", "sounds", "--format", "json"});
  const auto found = answer(ran);
  ASSERT_EQ(found["results"].size(), 1u);
  EXPECT_EQ(found["results"][0]["input"], "sounds/good.wav");
  ASSERT_EQ(found["left_out"].size(), 2u);
  EXPECT_EQ(found["left_out"][1]["input"], "sounds/cut.wav");
  EXPECT_EQ(found["left_out"][1]["reason"], "is cut short: its header promises 6400 bytes of samples, 2000 are there");
  EXPECT_NE(ran.err.find("2 of 3 sound files are left out:\n    sounds/bad.wav: is no sound file"), std::string::npos)
      << ran.err;

  const auto refused =
      said(world.espalier({"predict", "--model", "model", "--input", "sounds", "--bad-files", "refuse"}), 5);
  EXPECT_TRUE(refused.starts_with("2 of 3 sound files cannot be used\n    sounds/bad.wav: ")) << refused;
  EXPECT_NE(refused.find("--bad-files skip leaves them out"), std::string::npos) << refused;
  world.folder.write("mine.txt", "a text\n");
  EXPECT_EQ(said(world.espalier({"predict", "--model", "model", "--input", "mine.txt"}), 5),
            "mine.txt: is no sound (model is of family ast)\n    expected a sound file (wav, flac, ogg, mp3, aiff), a "
            "folder of them, a table (.tsv, .csv, .jsonl) with a column path, or tensors (.safetensors)");
}

TEST_F(Classes, OfTagsHaveAveragePrecisions) {
  labels({{"tone0.wav", "class 0;class 2"}, {"tone1.wav", "class 2"}, {"tone2.wav", ""}});
  const auto found = answer(evaluate({"--per-class", "--confusion"}, "audio-tagging"));
  ASSERT_EQ(found["classes"].size(), 3u);
  EXPECT_TRUE(found["classes"][1]["average_precision"].is_null());
  const double mean = (found["classes"][0]["average_precision"].get<double>() +
                       found["classes"][2]["average_precision"].get<double>()) /
                      2;
  EXPECT_NEAR(found["metrics"]["map"].get<double>(), mean, 1e-12);
  EXPECT_EQ(found["confusion"]["rows"][0].size(), 4u);
}

TEST_F(Classes, OfChannelsThatCancelAreCounted) {
  Sound stereo = tone(300, 0.2);
  stereo.channels = 2;
  std::vector<float> both;
  for (const float sample : stereo.samples) both.insert(both.end(), {sample, -sample});
  stereo.samples = both;
  world.sound("opposite.wav", stereo);
  labels({{"opposite.wav", "class 0"}, {"tone1.wav", "class 1"}});
  const auto ran = evaluate();
  EXPECT_EQ(answer(ran)["metrics"]["files_of_opposite_phase"], 1);
  EXPECT_NE(ran.err.find("1 of 2 files have channels of opposite phase, whose mean is nearly silent: opposite.wav"),
            std::string::npos)
      << ran.err;
}

// --- speech

TEST_F(Speech, IsTranscribedWithoutReferences) {
  metrics({"--predictions", "heard.txt"});
  const auto heard = lines_of(world.folder / "heard.txt");
  const auto trimmed = [](std::string text) {
    const auto begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? std::string() : text.substr(begin);
  };
  world.folder.write("paths.tsv", "path\ntone0.wav\ntone1.wav\nnone.wav\ntone2.wav\ntone3.wav\n");
  const auto found =
      answer(world.espalier({"transcribe", "--model", "model", "--input", "paths.tsv", "--format", "json"}));
  ASSERT_EQ(found["results"].size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(found["results"][i]["input"], "tone" + std::to_string(i) + ".wav");
    EXPECT_EQ(found["results"][i]["text"], trimmed(heard[i]));
  }
  EXPECT_EQ(found["left_out"][0]["input"], "none.wav");
  EXPECT_EQ(found["left_out"][0]["reason"], "there is no such sound file");

  const auto table = world.espalier({"transcribe", "--model", "model", "--input", "tone1.wav", "--format", "tsv"});
  EXPECT_EQ(table.out, "path\ttext\ntone1.wav\t" + trimmed(heard[1]) + "\n");
  const auto line = world.espalier({"predict", "--model", "model", "--input", "tone1.wav"});
  EXPECT_EQ(line.out, "tone1.wav: " + trimmed(heard[1]) + "\n");
}

TEST_F(Speech, OfALongSoundIsTranscribedInChunks) {
  auto sound = tone(300, 1);
  const auto more = tone(900, 1.5);
  sound.samples.insert(sound.samples.end(), more.samples.begin(), more.samples.end());
  world.sound("long.wav", sound);
  texts({{"long.wav", "one two"}});
  metrics({"--long-audio", "chunk", "--predictions", "chunks.txt"});
  auto heard = lines_of(world.folder / "chunks.txt").at(0);
  heard.erase(0, std::min(heard.find_first_not_of(' '), heard.size()));
  EXPECT_EQ(world.espalier({"transcribe", "--model", "model", "--input", "long.wav"}).out, "long.wav: " + heard + "\n");
  EXPECT_EQ(
      said(world.espalier({"transcribe", "--model", "model", "--input", "long.wav", "--long-audio", "refuse"}), 5),
      "long.wav: is 2.5 s long, the model hears 1.0 s\n    --long-audio takes long ones");
}

TEST_F(Speech, IsEvaluated) {
  const auto found = answer(evaluate({"--predictions", "heard.txt"}));

  EXPECT_EQ(found["examples"], 4);
  const auto& metrics = found["metrics"];
  EXPECT_EQ(metrics["words"], 7);
  EXPECT_EQ(metrics["wer"].get<double>(), (metrics["substitutions"].get<double>() + metrics["deletions"].get<double>() +
                                           metrics["insertions"].get<double>()) /
                                              7);
  EXPECT_GT(metrics["cer"], 0);
  EXPECT_GT(metrics["cross_entropy"], 0);
  EXPECT_EQ(metrics["empty_references"], 0);
  EXPECT_EQ(lines_of(world.folder / "heard.txt").size(), 4u);
}

// What the model writes is right when it is the reference.
TEST_F(Speech, HasNoErrorsAgainstItsOwnTranscripts) {
  metrics({"--predictions", "heard.txt"});
  const auto heard = lines_of(world.folder / "heard.txt");
  std::vector<std::pair<std::string, std::string>> rows;
  std::size_t letters = 0;
  for (std::size_t i = 0; i < heard.size(); ++i) {
    rows.emplace_back(four[i].first, heard[i]);
    letters += heard[i].find_first_not_of(' ') == std::string::npos ? 0 : 1;
  }
  ASSERT_GT(letters, 0u);
  texts(rows);

  const auto found = metrics();

  EXPECT_EQ(found["wer"], 0);
  EXPECT_EQ(found["cer"], 0);
  EXPECT_EQ(found["exact"], 1);
  EXPECT_GT(found["words"], 0);
}

// The cross-entropy is that of all tokens together: letters, the space before them, and the end.
TEST_F(Speech, HasTheCrossEntropyOfItsTokens) {
  double nats = 0, tokens = 0;
  for (const auto& row : four) {
    texts({row});
    const auto asked = static_cast<double>(row.second.size() + 2);
    nats += asked * metrics()["cross_entropy"].get<double>();
    tokens += asked;
  }
  texts(four);
  EXPECT_NEAR(metrics()["cross_entropy"], nats / tokens, 1e-5);
}

TEST_F(Speech, StopsAtAskedLengths) {
  EXPECT_EQ(metrics({"--max-new-tokens", "2", "--predictions", "two.txt"})["cut"], 4);
  for (const auto& line : lines_of(world.folder / "two.txt")) EXPECT_LE(line.size(), 2u);
  EXPECT_EQ(said(evaluate({"--max-new-tokens", "13"}), 2),
            "at most 13 tokens a transcript do not fit the model\n    expected from 1 to 12: it has 14 positions "
            "(max_target_positions), of which the prompt takes 2");
}

TEST_F(Speech, OfALongSoundIsRefusedCutOrHeardInChunks) {
  auto sound = tone(300, 1);
  world.sound("second.wav", sound);
  const auto more = tone(900, 1.5);
  sound.samples.insert(sound.samples.end(), more.samples.begin(), more.samples.end());
  world.sound("long.wav", sound);
  texts({{"long.wav", "one two"}, {"tone0.wav", "three"}});

  EXPECT_EQ(said(evaluate(), 5),
            "long.wav: is 2.5 s long, the model hears 1.0 s\n"
            "    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them; "
            "long_audio = \"cut\" or \"chunk\" takes long ones");
  auto cut = metrics({"--long-audio", "cut", "--predictions", "cut.txt"});
  EXPECT_EQ(cut["files_cut"], 1);
  const auto chunks = metrics({"--long-audio", "chunk", "--max-new-tokens", "4", "--predictions", "chunks.txt"});
  EXPECT_EQ(chunks["without_cross_entropy"], 1);
  EXPECT_FALSE(chunks.contains("files_cut"));
  EXPECT_EQ(chunks["cut"], 2);
  EXPECT_EQ(lines_of(world.folder / "chunks.txt").size(), 2u);
  texts({{"second.wav", "one two"}, {"tone0.wav", "three"}});
  cut.erase("files_cut");
  EXPECT_EQ(cut, metrics());
}

TEST_F(Speech, IsTheSameForStereoAndOtherRates) {
  Sound stereo{{}, 44100, 2, true};
  for (const float sample : tone(300, 0.2, 44100).samples)
    stereo.samples.insert(stereo.samples.end(), {sample, sample});
  world.sound("stereo.wav", stereo);
  const auto loss = [&](const std::string& file) {
    texts({{file, "one two"}});
    return metrics()["cross_entropy"].get<double>();
  };
  const auto expected = loss("tone0.wav");
  EXPECT_NEAR(loss("stereo.wav"), expected, 0.02);
  EXPECT_GT(std::abs(loss("tone4.wav") - expected), 0.02);
}

TEST_F(Speech, OfBadSoundsIsNamedInOneReport) {
  world.sound("empty.wav", {});
  world.folder.write("text.wav", "this is no sound");
  auto damaged = tone(300, 0.2);
  damaged.real = true;
  damaged.samples[7] = std::numeric_limits<float>::infinity();
  world.sound("infinite.wav", damaged);
  texts({{"tone0.wav", "one"}, {"empty.wav", "two"}, {"text.wav", "three"}});

  EXPECT_EQ(said(evaluate(), 5),
            "2 of 3 sound files cannot be used\n    empty.wav: holds no samples\n"
            "    text.wav: is no sound file that can be read (Format not recognised)\n"
            "    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them");
  texts({{"tone0.wav", "one"}, {"empty.wav", "two"}, {"infinite.wav", "three"}});
  const auto found = metrics({"--bad-files", "skip"});
  EXPECT_EQ(found["files_left_out"], 2);
  EXPECT_EQ(found["words"], 1);
}

TEST_F(Speech, NeedsATokenizer) {
  fs::remove(world.folder / "model/tokenizer.json");
  const std::string expected = "model: has no tokenizer\n    expected tokenizer.json, or vocab.json and merges.txt";
  EXPECT_EQ(said(evaluate(), 5), expected);
  world.folder.write("model/vocab.json", tokenizer["model"]["vocab"].dump());
  EXPECT_EQ(said(evaluate(), 5), expected);

  world.folder.write("model/merges.txt", "#version: 0.2\n");
  const auto apart = metrics();
  fs::remove(world.folder / "model/vocab.json");
  write_tokenizer();
  EXPECT_EQ(apart, metrics());
}

TEST_F(Speech, RefusesATokenizerThatIsNone) {
  world.folder.write("model/tokenizer.json", "{\"model\": ");
  EXPECT_EQ(said(evaluate(), 5), "model/tokenizer.json: is not valid JSON");
  world.folder.write("model/tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {}}})");
  EXPECT_EQ(said(evaluate(), 5), "model/tokenizer.json: holds no BPE model with vocab and merges");
  tokenizer["model"]["vocab"].erase("g");
  write_tokenizer();
  EXPECT_EQ(said(evaluate(), 5), "model/tokenizer.json: has no token for 'g': its vocabulary is incomplete");
}

TEST_F(Speech, HearsOtherLanguagesOnlyWhereTheCheckpointDoes) {
  EXPECT_EQ(said(evaluate({"--language", "de"}), 2),
            "model/generation_config.json: the checkpoint hears English only, it takes no language 'de'\n"
            "    leave language and task out");
  auto generation = world.json("model/generation_config.json");
  generation["is_multilingual"] = true;
  generation["lang_to_id"] = {{"<|en|>", 36}, {"<|de|>", 37}};
  generation["task_to_id"] = {{"transcribe", 34}, {"translate", 35}};
  world.folder.write("model/generation_config.json", generation.dump());

  EXPECT_EQ(said(evaluate({"--language", "germen"}), 2),
            "unknown language 'germen'\n    did you mean 'german'?\n    known: english, german");
  EXPECT_NE(metrics({"--language", "german"})["cross_entropy"], metrics({"--language", "en"})["cross_entropy"]);
  EXPECT_EQ(metrics({"--language", "german"})["cross_entropy"], metrics({"--language", "de"})["cross_entropy"]);
}

// English numbers become digits, unless asked otherwise.
TEST_F(Speech, ComparesTextsAsAskedFor) {
  texts({{"tone0.wav", "twenty one"}});
  EXPECT_EQ(metrics()["words"], 1);
  EXPECT_EQ(metrics({"--normalizer", "whisper-english"})["words"], 1);
  EXPECT_EQ(metrics({"--normalizer", "ascii"})["words"], 2);
  EXPECT_EQ(said(evaluate({"--normalizer", "asci"}), 2),
            "unknown normalizer 'asci'\n    did you mean 'ascii'?\n    known: ascii, whisper-basic, whisper-english");
}

TEST_F(Speech, IsNotClassified) {
  EXPECT_EQ(
      said(world.espalier({"evaluate", "--model", "model", "--data", "test.tsv", "--format", "audio-classification"}),
           5),
      "model: is of family whisper, which cannot read audio-classification data\n    it reads speech-recognition");
  EXPECT_TRUE(said(world.espalier({"train", "--model", "model", "--data", "test.tsv", "--format", "speech-recognition",
                                   "--output", "trained"}),
                   5)
                  .find("Whisper") != std::string::npos);
  EXPECT_FALSE(fs::exists(world.folder / "trained"));
}

// --- pruning

// score -> prune -> evaluate: the mask on the fly, with zeroed weights, and both kinds of checkpoints agree.
template <typename World>
void expect_pruned_models_agree(const World& world, const std::string& format) {
  const auto run = [&](const std::vector<std::string>& words) {
    const auto ran = world.espalier(words);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
  };
  const auto metrics = [&](const std::string& model, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"evaluate", "--model", model, "--data", "test.tsv", "--format", format, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return answer(world.espalier(words))["metrics"];
  };
  run({"score", "--model", "model", "--data", "test.tsv", "--format", format, "--scorer", "gate-gradient",
       "--granularity", "head", "--output", "scores.safetensors"});
  for (const std::string kind : {"masked", "compact"}) {
    run({"prune", "--model", "model", "--scores", "scores.safetensors", "--scope", "global", "--sparsity", "0.5",
         "--output", kind, "--format", kind});
  }
  const auto dense = metrics("model");
  const auto masked = metrics("masked");
  EXPECT_GT(std::abs(masked["cross_entropy"].template get<double>() - dense["cross_entropy"].template get<double>()),
            1e-4);
  for (const auto& other : {metrics("compact"), metrics("model", {"--mask", "masked/mask.safetensors"}),
                            metrics("model", {"--mask", "masked/mask.safetensors", "--plain"})}) {
    ASSERT_EQ(other.size(), masked.size());
    for (const auto& [name, value] : masked.items())
      EXPECT_NEAR(other[name].template get<double>(), value.template get<double>(), 1e-4) << name;
  }
}

TEST_F(Classes, OfPrunedModelsAgree) { expect_pruned_models_agree(world, "audio-classification"); }

TEST_F(Speech, OfPrunedModelsAgrees) { expect_pruned_models_agree(world, "speech-recognition"); }

// --- experiments

std::string experiment(const std::string& family, const std::string& format, const std::string& of_dataset,
                       const std::string& of_grid) {
  return "espalier = 1\nname = \"sounds\"\n[model.m]\nfamily = \"" + family +
         "\"\ncheckpoint = \"model\"\n[dataset.d]\nformat = \"" + format +
         "\"\nvalidation = \"validation.tsv\"\ntest = \"test.tsv\"\n" + of_dataset +
         "[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\n" + of_grid;
}

Json status(const AudioWorld& world) { return answer(world.espalier({"status", "sounds.toml", "--json"})); }

TEST_F(Classes, OfAnExperimentAreProven) {
  world.table("validation.tsv", "label", {{"tone4.wav", "class 0"}, {"tone0.wav", "class 2"}});
  world.folder.write("sounds.toml", experiment("ast", "audio-classification", "",
                                               "scorer = [\"magnitude\", \"fisher\"]\nsparsity = [0.25, 0.5]\n"));
  const auto ran = world.espalier({"run", "sounds.toml"});

  EXPECT_EQ(said(ran, 0).find("failed"), std::string::npos) << ran.err;
  EXPECT_EQ(status(world)["done"], 4);
}

TEST_F(Speech, OfAnExperimentIsProven) {
  world.table("validation.tsv", "text", {{"tone4.wav", "stop"}, {"tone0.wav", "one"}});
  world.folder.write("sounds.toml",
                     experiment("whisper", "speech-recognition", "normalizer = \"ascii\"\nmax_new_tokens = 6\n",
                                "scorer = [\"magnitude\", \"fisher\"]\nsites = [\"all\", \"decoder-cross\"]\n"
                                "sparsity = 0.5\n"));
  const auto ran = world.espalier({"run", "sounds.toml"});

  EXPECT_EQ(said(ran, 0).find("failed"), std::string::npos) << ran.err;
  EXPECT_EQ(status(world)["done"], 4);
}

// LoRA trains what the model names as its parameters: of Whisper not the sinusoids of the encoder.
TEST_F(Speech, OfAnExperimentIsRecoveredByAdapters) {
  world.table("train.tsv", "text", four);
  world.table("validation.tsv", "text", {{"tone4.wav", "stop"}, {"tone0.wav", "one"}});
  world.folder.write("sounds.toml", experiment("whisper", "speech-recognition",
                                               "train = \"train.tsv\"\nnormalizer = \"ascii\"\nmax_new_tokens = 6\n",
                                               "scorer = \"magnitude\"\nschedule = { steps = 2, fraction = 0.25 }\n"
                                               "recovery = { plugin = \"lora\", rank = 2, epochs = 1, batch = 2 }\n"));
  const auto ran = world.espalier({"run", "sounds.toml"});

  EXPECT_EQ(said(ran, 0).find("failed"), std::string::npos) << ran.err;
  EXPECT_EQ(status(world)["done"], 1);
}

// As many threads as there are compute in the type that is asked for.
TEST_F(Speech, IsTheSameOnOneThreadAndTwoInEveryArithmetic) {
  for (const std::string compute : {"float32", "bfloat16"}) {
    const auto one = metrics({"--compute", compute, "--threads", "1"});
    const auto two = metrics({"--compute", compute, "--threads", "2"});
    EXPECT_NEAR(two["cross_entropy"].get<double>(), one["cross_entropy"].get<double>(),
                compute == "float32" ? 1e-4 : 1e-2)
        << compute;
    for (const std::string threads : {"1", "2"}) {
      const auto ran = world.espalier({"score", "--model", "model", "--data", "test.tsv", "--format",
                                       "speech-recognition", "--scorer", "fisher", "--granularity", "head", "--compute",
                                       compute, "--threads", threads, "--output", "s.safetensors"});
      EXPECT_EQ(ran.exit_code, 0) << compute << ran.err;
    }
  }
}

TEST_F(Classes, OfAMissingSoundArePlannedAndNotRun) {
  world.table("validation.tsv", "label", {{"tone4.wav", "class 0"}});
  fs::remove(world.folder / "tone2.wav");
  world.folder.write("sounds.toml",
                     experiment("ast", "audio-classification", "", "scorer = \"magnitude\"\nsparsity = 0.5\n"));

  EXPECT_EQ(answer(world.espalier({"plan", "sounds.toml", "--json"}))["missing"], Json::array({"tone2.wav"}));
  EXPECT_NE(said(world.espalier({"run", "sounds.toml"}), 2).find("tone2.wav"), std::string::npos);
  EXPECT_FALSE(fs::exists(world.folder / "results/sounds.db"));
}

TEST_F(Classes, OfAnUnreadableSoundFailTheCellAndSayWhy) {
  world.table("validation.tsv", "label", {{"tone4.wav", "class 0"}});
  world.folder.write("tone2.wav", "this is no sound");
  world.folder.write("sounds.toml",
                     experiment("ast", "audio-classification", "", "scorer = \"magnitude\"\nsparsity = 0.5\n"));

  const auto text = said(world.espalier({"run", "sounds.toml"}), 1);

  EXPECT_NE(text.find("tone2.wav: is no sound file that can be read (Format not recognised)"), std::string::npos)
      << text;
  EXPECT_EQ(status(world)["failed"], 1);
}

// --- import

class Import : public testing::Test {
 protected:
  Import() {
    world.folder.write("source/config.json", R"({"suppress_ids": [1], "lang_ids": [], "alignment_heads": []})");
    world.folder.write("source/tokenizer.json",
                       R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": []})");
  }
  // The beginning of a model.bin: one variable of 240 bytes.
  static std::string beginning() {
    std::string bytes;
    const auto put = [&](auto number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
    const auto put_name = [&](const std::string& name) {
      put(static_cast<std::uint16_t>(name.size() + 1));
      bytes += name + '\0';
    };
    put(std::uint32_t{6});
    put_name("WhisperSpec");
    put(std::uint32_t{3});
    put(std::uint32_t{1});
    put_name("encoder/conv1/weight");
    put(std::uint8_t{3});
    for (const std::uint32_t extent : {4, 5, 3}) put(extent);
    put(std::uint8_t{0});
    put(std::uint32_t{240});
    return bytes;
  }
  std::string refusal(const std::string& bytes) const {
    world.folder.write("source/model.bin", bytes);
    const auto text = said(world.espalier({"import", "source", "--output", "imported"}), 5);
    EXPECT_FALSE(fs::exists(world.folder / "imported"));
    return text;
  }
  const AudioWorld world;
};

TEST_F(Import, RefusesATruncatedModel) {
  const auto begin = beginning();
  EXPECT_EQ(refusal(begin + std::string(100, '\0')),
            "source/model.bin: truncated: variable 'encoder/conv1/weight' needs 240 bytes, the file has 100 left\n"
            "    copy or download it again");
  EXPECT_EQ(refusal(begin.substr(0, 40)),
            "source/model.bin: truncated: the name of variable 1 of 1 needs 21 bytes at byte 28, the file has 12 left\n"
            "    copy or download it again");
  EXPECT_EQ(refusal(""),
            "source/model.bin: truncated: the version needs 4 bytes at byte 0, the file has 0 left\n"
            "    copy or download it again");
}

TEST_F(Import, RefusesWhatIsNoModel) {
  EXPECT_TRUE(refusal("this is text")
                  .starts_with("source/model.bin: its first number is 1936287860, expected version "
                               "4, 5 or 6 of a CTranslate2 model\n"));
  fs::remove(world.folder / "source/model.bin");
  EXPECT_EQ(said(world.espalier({"import", "source", "--output", "imported"}), 5),
            "source: is no CTranslate2 Whisper directory, it has no model.bin");
}

}  // namespace
}  // namespace espalier::test
