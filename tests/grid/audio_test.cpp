// Datasets of sounds as a plan sees them: what a key counts, what is missing, what is refused.
#include <set>

#include "grid_test_support.h"
#include "tables/split_tables.h"

namespace espalier::grid {
namespace {

using Lines = std::vector<std::string>;

class AudioGrid : public GridTest {
 protected:
  AudioGrid() {
    for (const std::string model : {"ast", "whisper"}) {
      write(model + "/config.json", model);
      write(model + "/model.safetensors", "weights of " + model);
    }
    write("whisper/tokenizer.json", "{}");
    for (const std::string sound : {"low", "high", "noise"}) write("sounds/" + sound + ".wav", "samples of " + sound);
    write("sounds/labels.tsv", "path\tlabel\nlow.wav\tcalm\nhigh.wav\tloud\nnoise.wav\tloud\n");
    write("sounds/texts.tsv", "path\ttext\nlow.wav\tgo home\nhigh.wav\tstop\n");
  }

  static std::string model(const std::string& family, const std::string& lines = "") {
    return "[model.m]\nfamily = \"" + family + "\"\ncheckpoint = \"" + family + "\"\n" + lines;
  }
  static std::string dataset(const std::string& format, const std::string& lines) {
    return "[dataset.d]\nformat = \"" + format + "\"\n" + lines;
  }
  static std::string grid(const std::string& lines = "") {
    return "[[grid]]\nmodel = \"m\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"magnitude\"\nsparsity = "
           "0.5\n" +
           lines;
  }
  static std::string classes(const std::string& lines = "", const std::string& of_grid = "") {
    return head_ + model("ast") + dataset("audio-classification", "test = \"sounds/labels.tsv\"\n" + lines) +
           grid(of_grid);
  }
  static std::string speech(const std::string& lines = "", const std::string& of_grid = "") {
    return head_ + model("whisper") + dataset("speech-recognition", "test = \"sounds/texts.tsv\"\n" + lines) +
           grid(of_grid);
  }

  std::string key(const std::string& text) {
    const auto experiment = read(text);
    EXPECT_EQ(experiment.missing, Lines{});
    return experiment.cells.at(0).key;
  }
  Lines missing(const std::string& text) {
    auto lines = read(text).missing;
    for (auto& line : lines) line = without_folder(line);
    return lines;
  }

  // What is wrong with the table of the test split.
  std::string table_problem(const std::string& text) {
    for (const auto& problem : read(text).problems) {
      const auto said = without_folder(problem);
      const auto end = said.find("\n    the test split of dataset 'd'");
      if (end != std::string::npos) return said.substr(0, end);
    }
    return "no problem";
  }

  static inline const std::string head_ = "espalier = 1\nname = \"a\"\n";
};

// --- keys

class AudioKey : public AudioGrid {};

TEST_F(AudioKey, ReadsATableOnce) {
  const auto before = table_counts();
  EXPECT_EQ(read(classes("", "seed = [0, 1]\n")).missing, Lines{});
  const auto after = table_counts();
  EXPECT_EQ(after.opened - before.opened, 1);
  EXPECT_EQ(after.digested - before.digested, 1);
}

TEST_F(AudioKey, ChangesWithAByteOfASound) {
  const auto before = key(classes()), speech_before = key(speech());
  EXPECT_EQ(before.size(), 64u);

  write("sounds/high.wav", "samples of higj");
  EXPECT_NE(key(classes()), before);
  EXPECT_NE(key(speech()), speech_before);
  write("sounds/high.wav", "samples of high");
  EXPECT_EQ(key(classes()), before);
  EXPECT_EQ(key(speech()), speech_before);
}

TEST_F(AudioKey, ChangesWithALabelATextAndTheOrderOfRows) {
  const auto before = key(classes()), speech_before = key(speech());

  write("sounds/labels.tsv", "path\tlabel\nlow.wav\tcalm\nhigh.wav\tloud\nnoise.wav\tcalm\n");
  EXPECT_NE(key(classes()), before);
  write("sounds/labels.tsv", "path\tlabel\nhigh.wav\tloud\nlow.wav\tcalm\nnoise.wav\tloud\n");
  EXPECT_NE(key(classes()), before);
  write("sounds/texts.tsv", "path\ttext\nlow.wav\tgo home\nhigh.wav\tstop it\n");
  EXPECT_NE(key(speech()), speech_before);
}

TEST_F(AudioKey, IgnoresWhereSoundsLieAndWhatTheyAreCalled) {
  const auto before = key(classes());

  std::filesystem::create_directories(folder_ / "sounds/other");
  std::filesystem::rename(folder_ / "sounds/high.wav", folder_ / "sounds/other/renamed.wav");
  write("sounds/labels.tsv",
        "label\tpath\ncalm\tlow.wav\nloud\tother/renamed.wav\nloud\t" + (folder_ / "sounds/noise.wav").string() + "\n");
  EXPECT_EQ(key(classes()), before);
  write("sounds/labels.csv", "path,label\r\n\"low.wav\",calm\r\nother/renamed.wav,\"loud\"\r\nnoise.wav,loud\r\n");
  auto of_commas = classes();
  of_commas.replace(of_commas.find("labels.tsv"), 10, "labels.csv");
  EXPECT_EQ(key(of_commas), before);
}

TEST_F(AudioKey, CountsOnlyTheRowsWithinTheLimit) {
  const std::string limit = "limit = { test = 2 }\n";
  const auto before = key(classes(limit));
  EXPECT_NE(before, key(classes()));

  write("sounds/noise.wav", "other samples");
  EXPECT_EQ(key(classes(limit)), before);
  std::filesystem::remove(folder_ / "sounds/noise.wav");
  EXPECT_EQ(key(classes(limit)), before);
  EXPECT_EQ(missing(classes()), Lines{"sounds/noise.wav"});
}

TEST_F(AudioKey, CountsOnlyTheSplitsThatTheCellUses) {
  write("sounds/training.tsv", "path\tlabel\nnot_there.wav\tcalm\n");
  const std::string training = "train = \"sounds/training.tsv\"\n";
  auto lora = head_ + model("ast") + dataset("audio-classification", "test = \"sounds/labels.tsv\"\n" + training) +
              grid("recovery = \"lora\"\n");

  EXPECT_EQ(key(classes(training)), key(classes()));
  EXPECT_EQ(read(lora).cells.at(0).key, "");
}

TEST_F(AudioKey, ChangesWithHowSoundsAreReadAndTextsCompared) {
  const auto before = key(speech());
  for (const std::string change : {"bad_files = \"skip\"", "long_audio = \"chunk\"", "normalizer = \"ascii\"",
                                   "language = \"de\"", "task = \"translate\"", "max_new_tokens = 20"}) {
    EXPECT_NE(key(speech(change + "\n")), before) << change;
  }
  EXPECT_EQ(key(speech("bad_files = \"refuse\"\n")), before);
  write("whisper/preprocessor_config.json", "{}");
  EXPECT_NE(key(speech()), before);
}

TEST_F(AudioKey, ChangesWithTheRecipeOfNewWeights) {
  const auto trained = [&](const std::string& train) {
    return key(
        head_ + model("ast", "train = { start = \"scratch\"" + train + " }\n") +
        dataset("audio-classification",
                "train = \"sounds/labels.tsv\"\nvalidation = \"sounds/labels.tsv\"\ntest = \"sounds/labels.tsv\"\n") +
        grid());
  };
  const auto before = trained("");
  for (const std::string change : {"mixup = 0.5", "frequency_mask = 4", "time_mask = 4", "shift = 2", "noise = 0.1",
                                   "initializer_range = 0.01", "token_deviation = 0.1", "patch_deviation = 0.1"}) {
    EXPECT_NE(trained(", " + change), before) << change;
  }
  EXPECT_EQ(trained(", mixup = 0"), before);
}

// --- what is missing

class MissingSounds : public AudioGrid {};

TEST_F(MissingSounds, AreNamed) {
  std::filesystem::remove(folder_ / "sounds/high.wav");

  EXPECT_EQ(missing(classes()), Lines{"sounds/high.wav"});
  EXPECT_EQ(read(classes()).cells.at(0).key, "");
  EXPECT_EQ(missing(speech()), Lines{"sounds/high.wav"});
  // A folder of that name is no sound.
  std::filesystem::create_directory(folder_ / "sounds/high.wav");
  EXPECT_EQ(missing(classes()), Lines{"sounds/high.wav"});
}

TEST_F(MissingSounds, AreNamedUpToTwentyOfATable) {
  std::string table = "path\tlabel\nlow.wav\tcalm\n";
  for (int i = 10; i < 35; ++i) table += "gone" + std::to_string(i) + ".wav\tcalm\n";
  write("sounds/labels.tsv", table);

  const auto lines = missing(classes());

  ASSERT_EQ(lines.size(), 21u);
  EXPECT_EQ(lines.front(), "sounds/gone10.wav");
  EXPECT_EQ(lines[19], "sounds/gone29.wav");
  EXPECT_EQ(lines.back(), "sounds/labels.tsv ... and 5 more files that it names");
}

TEST_F(MissingSounds, AreNamedWhereNoneIsThere) {
  std::filesystem::remove(folder_ / "sounds/low.wav");
  std::filesystem::remove(folder_ / "sounds/high.wav");
  EXPECT_EQ(missing(speech()), (Lines{"sounds/high.wav", "sounds/low.wav"}));
}

TEST_F(MissingSounds, LeaveTheCellsOfOtherDatasetsTheirKeys) {
  std::filesystem::remove(folder_ / "sounds/noise.wav");
  write("sounds/few.tsv", "path\tlabel\nlow.wav\tcalm\n");

  const auto experiment = read(head_ + model("ast") +
                               "[dataset.all]\nformat = \"audio-classification\"\ntest = \"sounds/labels.tsv\"\n"
                               "[dataset.few]\nformat = \"audio-classification\"\ntest = \"sounds/few.tsv\"\n"
                               "[[grid]]\nmodel = \"m\"\ndataset = [\"all\", \"few\"]\ngranularity = \"head\"\n"
                               "scorer = \"magnitude\"\nsparsity = 0.5\n");

  ASSERT_EQ(experiment.cells.size(), 2u);
  EXPECT_EQ(experiment.cells[0].key, "");
  EXPECT_EQ(experiment.cells[1].key.size(), 64u);
}

TEST_F(MissingSounds, TablesThatCannotBeReadSayWhy) {
  const auto said = [&](const std::string& table) {
    write("sounds/labels.tsv", table);
    EXPECT_EQ(missing(classes()), Lines{});
    return table_problem(classes());
  };
  const std::string begin = "sounds/labels.tsv";

  EXPECT_EQ(said(""), begin + ": is empty, expected a header and rows with path, label");
  EXPECT_EQ(said("path\tlabel\n"), begin + ": names no sound files\n    expected at least one for the split 'test'");
  EXPECT_EQ(
      said("path\tlabels\nlow.wav\tcalm\n"),
      begin +
          ":1: has no column 'label'\n    instead of 'label', did you mean 'labels'?\n    its columns: path, labels\n"
          "    expected a header with path and label; the dataset's key label (on the command line --label) "
          "names the second");
  EXPECT_EQ(said("path\tlabel\nlow.wav\tcalm\tmore\n\nhigh.wav\t\n\tloud\n"),
            begin +
                ": 3 rows cannot be read\n    sounds/labels.tsv:2: has 3 fields, expected 2 (path, label)\n"
                "    sounds/labels.tsv:4: its label ('label') is empty\n"
                "    sounds/labels.tsv:5: its path is empty");
  std::filesystem::remove(folder_ / "sounds/labels.tsv");
  EXPECT_EQ(missing(classes()), Lines{"sounds/labels.tsv"});
}

TEST_F(MissingSounds, FoldersAreReadByTheirOfficialLists) {
  write("commands/yes/one.wav", "one");
  write("commands/no/two.wav", "two");
  write("commands/yes/three.wav", "three");
  write("commands/_background_noise_/four.wav", "four");
  auto text = head_ + model("ast") + dataset("audio-classification", "test = \"commands\"\n") + grid();
  EXPECT_EQ(table_problem(text),
            std::string("commands: is a folder, expected a table, or for "
                        "audio-classification the Speech Commands folder (with testing_list.txt and "
                        "validation_list.txt)"));

  write("commands/testing_list.txt", "yes/one.wav\nno/two.wav\n");
  write("commands/validation_list.txt", "yes/three.wav\n");
  const auto before = key(text);
  write("commands/yes/three.wav", "of another split");
  write("commands/_background_noise_/four.wav", "noise is no word");
  EXPECT_EQ(key(text), before);
  write("commands/no/two.wav", "another two");
  EXPECT_NE(key(text), before);
  std::filesystem::remove(folder_ / "commands/no/two.wav");
  EXPECT_EQ(missing(text), Lines{"commands/no/two.wav"});
}

class AudioSet : public AudioGrid {
 protected:
  AudioSet() {
    write("audioset/eval.csv",
          "# Segments\n# YTID, start_seconds, end_seconds, positive_labels\nab-c, 0.0, 10.0, \"/m/1,/m/2\"\n");
    write("audioset/names.csv", "index,mid,display_name\n0,/m/1,\"Speech, male\"\n1,/m/2,Dog\n");
    write("audioset/files/ab-c.flac", "samples");
  }
  static std::string tags(const std::string& lines) {
    return head_ + model("ast") + dataset("audio-tagging", "test = \"audioset/eval.csv\"\n" + lines) + grid();
  }
  const std::string places_ = "audio = \"audioset/files\"\nclasses = \"audioset/names.csv\"\n";
};

TEST_F(AudioSet, NeedsItsFolderItsFilesAndItsNames) {
  EXPECT_EQ(table_problem(tags("")), std::string("audioset/eval.csv: is an AudioSet table, and "
                                                 "the folder of its files is not given\n    add audio = \"FOLDER\" to "
                                                 "the dataset (on the command line --audio FOLDER)"));
  EXPECT_EQ(missing(tags(places_)), Lines{});
  write("audioset/names.csv", "index,mid,display_name\n0,/m/1,\"Speech, male\"\n");
  EXPECT_EQ(table_problem(tags(places_)), "audioset/eval.csv:3: label '/m/2' is not in audioset/names.csv");
  write("audioset/eval.csv", "# Segments\nab-c, 0.0, 10.0, \"/m/1\"\nnot-there, 0.0, 10.0, \"/m/1\"\n");
  EXPECT_EQ(missing(tags(places_)), Lines{"audioset/files/not-there.wav"});
  std::filesystem::remove(folder_ / "audioset/names.csv");
  EXPECT_EQ(missing(tags(places_)), Lines{"audioset/names.csv"});
}

TEST_F(AudioSet, IsKnownByNamesAndSoundsAndNotByPlaces) {
  const auto before = key(tags(places_));

  write("elsewhere/names.csv", "index,mid,display_name\n7,/m/2,Dog\n9,/m/1,\"Speech, male\"\n");
  write("elsewhere/ab-c.ogg", "samples");
  const std::string moved = "audio = \"elsewhere\"\nclasses = \"elsewhere/names.csv\"\n";
  EXPECT_EQ(key(tags(moved)), before);
  write("elsewhere/names.csv", "index,mid,display_name\n7,/m/2,Cat\n9,/m/1,\"Speech, male\"\n");
  EXPECT_NE(key(tags(moved)), before);
}

class MissingCheckpoint : public AudioGrid {};

TEST_F(MissingCheckpoint, OfNewWeightsNeedsOnlyItsConfig) {
  std::filesystem::remove(folder_ / "ast/model.safetensors");
  const auto trained = [&](const std::string& train) {
    return missing(head_ + model("ast", "train = { " + train + " }\n") +
                   dataset("audio-classification",
                           "train = \"sounds/labels.tsv\"\nvalidation = \"sounds/labels.tsv\"\n"
                           "test = \"sounds/labels.tsv\"\n") +
                   grid());
  };

  EXPECT_EQ(trained("start = \"scratch\""), Lines{});
  EXPECT_EQ(trained("start = \"checkpoint\""), Lines{"ast/model.safetensors"});
  std::filesystem::remove(folder_ / "ast/config.json");
  EXPECT_EQ(trained("start = \"scratch\""), Lines{"ast/config.json"});
}

TEST_F(MissingCheckpoint, IsMissingForTheModelThatNeedsIt) {
  std::filesystem::remove(folder_ / "ast/model.safetensors");
  const auto models = [&](const std::string& order) {
    return missing(head_ +
                   "[model.fresh]\nfamily = \"ast\"\ncheckpoint = \"ast\"\ntrain = { start = \"scratch\" }\n"
                   "[model.given]\nfamily = \"ast\"\ncheckpoint = \"ast\"\n" +
                   dataset("audio-classification",
                           "train = \"sounds/labels.tsv\"\nvalidation = \"sounds/labels.tsv\"\n"
                           "test = \"sounds/labels.tsv\"\n") +
                   "[[grid]]\nmodel = [" + order +
                   "]\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n");
  };
  EXPECT_EQ(models("\"fresh\", \"given\""), Lines{"ast/model.safetensors"});
  EXPECT_EQ(models("\"given\", \"fresh\""), Lines{"ast/model.safetensors"});
}

TEST_F(MissingCheckpoint, OfWhisperNeedsATokenizer) {
  std::filesystem::remove(folder_ / "whisper/tokenizer.json");
  EXPECT_EQ(read(speech()).cells.at(0).key, "");
  EXPECT_EQ(missing(speech()), Lines{"whisper/tokenizer.json (or vocab.json and merges.txt)"});

  write("whisper/vocab.json", "{}");
  EXPECT_EQ(missing(speech()), Lines{"whisper/tokenizer.json (or vocab.json and merges.txt)"});
  write("whisper/merges.txt", "");
  EXPECT_EQ(missing(speech()), Lines{});
}

// --- what is refused

class AudioRefusals : public AudioGrid {};

TEST_F(AudioRefusals, EveryKeyBelongsToItsFormats) {
  const std::map<std::string, std::set<std::string>> keys = {
      {"pair = \"x\"", {"text-classification"}},
      {"max_tokens = 8", {"text-classification"}},
      {"text = \"x\"", {"text-classification", "speech-recognition"}},
      {"label = \"x\"", {"text-classification", "audio-classification", "audio-tagging"}},
      {"audio = \"x\"", {"audio-tagging"}},
      {"classes = \"x\"", {"audio-tagging"}},
      {"bad_files = \"skip\"", {"audio-classification", "audio-tagging", "speech-recognition"}},
      {"long_audio = \"cut\"", {"audio-classification", "audio-tagging", "speech-recognition"}},
      {"normalizer = \"ascii\"", {"speech-recognition"}},
      {"language = \"en\"", {"speech-recognition"}},
      {"task = \"transcribe\"", {"speech-recognition"}},
      {"max_new_tokens = 8", {"speech-recognition"}},
  };
  for (const auto& [line, formats] : keys) {
    const auto name = line.substr(0, line.find(' '));
    for (const auto& [format, family] : std::map<std::string, std::string>{{"text-classification", "bert"},
                                                                           {"audio-classification", "ast"},
                                                                           {"audio-tagging", "ast"},
                                                                           {"speech-recognition", "whisper"}}) {
      const auto said = complaint(head_ + "[model.m]\nfamily = \"" + family + "\"\ncheckpoint = \"minilm\"\n" +
                                  dataset(format, "test = \"test.tsv\"\n" + line + "\n") + grid());
      const auto begin = "x.toml:9:1: '" + name + "' means nothing to ";
      if (formats.contains(format)) {
        EXPECT_EQ(said, "no complaint") << format << ' ' << line;
      } else {
        EXPECT_TRUE(said.starts_with(begin)) << format << ' ' << line << '\n' << said;
        EXPECT_NE(said.find(" " + format + " data ([dataset.d])\n    it belongs to "), std::string::npos) << said;
      }
    }
  }
}

TEST_F(AudioRefusals, WordsAndKeysNameTheNearest) {
  EXPECT_EQ(complaint(speech("long_audio = \"chunks\"\n")),
            "x.toml:9:14: unknown long_audio 'chunks'\n    did you mean 'chunk'?\n    known: chunk, cut, refuse");
  EXPECT_EQ(complaint(speech("normalizer = \"whisper\"\n")),
            "x.toml:9:14: unknown normalizer 'whisper'\n    did you mean 'whisper-english'?\n    known: ascii, "
            "whisper-basic, whisper-english");
  EXPECT_EQ(complaint(speech("task = \"translation\"\n")),
            "x.toml:9:8: unknown task 'translation'\n    did you mean 'translate'?\n    known: transcribe, translate");
  EXPECT_EQ(complaint(speech("max_new_tokens = 0\n")),
            "x.toml:9:18: 'max_new_tokens' is the integer 0, expected an integer of at least 1");
  EXPECT_EQ(complaint(head_ + model("ast") + dataset("audio-tagging", "test = \"test.tsv\"\naudio = \"\"\n") + grid()),
            "x.toml:9:9: 'audio' is not a path: it is empty or has a line break or a zero byte");
  EXPECT_TRUE(complaint(speech("longaudio = \"cut\"\n"))
                  .starts_with("x.toml:9:1: unknown key 'longaudio'\n    did you mean 'long_audio'?\n"));
}

TEST_F(AudioRefusals, AFamilyReadsItsOwnFormatsOnly) {
  int accepted = 0;
  for (const std::string family : {"bert", "ast", "whisper"}) {
    for (const std::string format :
         {"text-classification", "audio-classification", "audio-tagging", "speech-recognition"}) {
      const auto said = complaint(head_ + "[model.m]\nfamily = \"" + family + "\"\ncheckpoint = \"minilm\"\n" +
                                  dataset(format, "test = \"test.tsv\"\n") + grid());
      if (said == "no complaint") {
        ++accepted;
      } else {
        EXPECT_EQ(said, "x.toml:9:1: model 'm' (" + family + ") cannot read dataset 'd' (" + format +
                            ")\n    bert reads text-classification, ast audio-classification and audio-tagging, "
                            "whisper speech-recognition");
      }
    }
  }
  EXPECT_EQ(accepted, 4);
}

TEST_F(AudioRefusals, LinkedModelsMeetOnlyTheirOwnDatasets) {
  const std::string both =
      head_ +
      "[model.a]\nfamily = \"ast\"\ncheckpoint = \"ast\"\n[model.w]\nfamily = \"whisper\"\ncheckpoint = \"whisper\"\n"
      "[dataset.c]\nformat = \"audio-classification\"\ntest = \"sounds/labels.tsv\"\n"
      "[dataset.s]\nformat = \"speech-recognition\"\ntest = \"sounds/texts.tsv\"\n"
      "[[grid]]\nmodel = [\"a\", \"w\"]\ndataset = [\"c\", \"s\"]\ngranularity = \"head\"\nscorer = \"magnitude\"\n"
      "sparsity = 0.5\n";

  EXPECT_EQ(read(both + "linked = [[\"model\", \"dataset\"]]\n").cells.size(), 2u);
  EXPECT_TRUE(
      complaint(both).starts_with("x.toml:15:1: model 'a' (ast) cannot read dataset 's' (speech-recognition)\n"));
  EXPECT_NE(complaint(both).find("model 'w' (whisper) cannot read dataset 'c' (audio-classification)"),
            std::string::npos);
}

TEST_F(AudioRefusals, DecoderSitesAreThoseOfWhisper) {
  const std::string sites = "sites = [\"decoder-self\", \"decoder-cross\", \"encoder-self\", \"all\"]\n";
  EXPECT_EQ(complaint(classes("", sites)),
            "x.toml:9:1: model 'm' (ast) has no decoder-self sites\n    its sites: encoder-self\n"
            "x.toml:9:1: model 'm' (ast) has no decoder-cross sites\n    its sites: encoder-self");
  EXPECT_EQ(read(speech("", sites)).cells.size(), 4u);
}

TEST_F(AudioRefusals, DecoderSitesMayBeLinkedToWhisper) {
  const std::string both =
      head_ +
      "[model.a]\nfamily = \"ast\"\ncheckpoint = \"ast\"\n[model.w]\nfamily = \"whisper\"\ncheckpoint = \"whisper\"\n"
      "[dataset.c]\nformat = \"audio-classification\"\ntest = \"sounds/labels.tsv\"\n"
      "[dataset.s]\nformat = \"speech-recognition\"\ntest = \"sounds/texts.tsv\"\n"
      "[[grid]]\nmodel = [\"a\", \"w\"]\ndataset = [\"c\", \"s\"]\nsites = [\"encoder-self\", \"decoder-cross\"]\n"
      "granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n";
  EXPECT_EQ(complaint(both + "linked = [[\"model\", \"dataset\", \"sites\"]]\n"), "no complaint");
  EXPECT_EQ(complaint(both + "linked = [[\"model\", \"dataset\"]]\n"),
            "x.toml:15:1: model 'a' (ast) has no decoder-cross sites\n    its sites: encoder-self");
}

TEST_F(AudioRefusals, ClassesAreNotFoundInChunks) {
  EXPECT_EQ(complaint(classes("long_audio = \"chunk\"\n")),
            "x.toml:9:14: 'chunk' joins what a Whisper model writes of each part; audio-classification data is not "
            "written\n    expected refuse or cut");
  EXPECT_EQ(complaint(speech("long_audio = \"chunk\"\n")), "no complaint");
}

// --- what the worker is told

TEST_F(AudioGrid, SettingsReachTheCell) {
  const auto cell = settings(
      read(speech("bad_files = \"skip\"\nlong_audio = \"chunk\"\nnormalizer = \"ascii\"\nlanguage = \"German\"\n"
                  "task = \"translate\"\nmax_new_tokens = 20\ntext = \"said\"\nlimit = { test = 1 }\n"))
          .cells.at(0));

  EXPECT_EQ(cell.dataset.bad_files, BadFiles::Skip);
  EXPECT_EQ(cell.dataset.long_audio, LongAudio::Chunk);
  EXPECT_EQ(cell.dataset.normalizer, Normalizer::Ascii);
  EXPECT_EQ(cell.dataset.language, "German");
  EXPECT_EQ(cell.dataset.task, SpeechTask::Translate);
  EXPECT_EQ(cell.dataset.max_new_tokens, 20);
  EXPECT_EQ(cell.dataset.text, "said");
  EXPECT_EQ(cell.dataset.limit.at("test"), 1);
  EXPECT_EQ(cell.dataset.split.at("test"), (folder_ / "sounds/texts.tsv").string());
  EXPECT_EQ(settings(read(speech()).cells.at(0)).dataset.bad_files, BadFiles::Refuse);
}

}  // namespace
}  // namespace espalier::grid
