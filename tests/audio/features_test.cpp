// Features equal those of transformers 4.57.6 (tests/fixtures/audio/make_golden.py); sounds as files are read.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "audio/augmentation.h"
#include "audio/feature_set.h"
#include "audio/features.h"
#include "audio/sound.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/cache/folder.h"

namespace espalier::audio {
namespace {

using nlohmann::json;

// The rule of make_golden.py.
std::vector<float> generated(std::int64_t samples, std::uint32_t seed) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < samples; ++i) {
    seed = 1664525U * seed + 1013904223U;
    const auto noise = static_cast<std::int64_t>((seed >> 16) % 2048) - 1024;
    const auto tone = (i * (20 + i / 400)) % 256 - 128;
    const std::int64_t quiet = (i / 3000) % 3 == 2 ? 64 : 1, sum = tone * 64 + noise;
    const auto floored = sum >= 0 ? sum / quiet : -((-sum + quiet - 1) / quiet);
    values.push_back(static_cast<float>(floored) / 16384.0F);
  }
  return values;
}

void write_wav(const std::filesystem::path& path, const std::vector<float>& samples, int rate, int channels = 1) {
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = channels;
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr);
  sf_write_float(file, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(file);
}

std::vector<float> sine(double hertz, int rate, double seconds) {
  std::vector<float> samples;
  for (int i = 0; i < static_cast<int>(seconds * rate); ++i)
    samples.push_back(static_cast<float>(0.5 * std::sin(2 * M_PI * hertz * i / rate)));
  return samples;
}

FeatureExtractor extractor_of(const test::TempDir& folder, const std::string& kind, json settings) {
  settings["feature_extractor_type"] = kind == "ast" ? "ASTFeatureExtractor" : "WhisperFeatureExtractor";
  folder.write("config.json",
               kind == "ast" ? R"({"model_type": "audio-spectrogram-transformer"})" : R"({"model_type": "whisper"})");
  folder.write("preprocessor_config.json", settings.dump());
  return FeatureExtractor::read(folder.path());
}

TEST(Features, EqualThoseOfTransformers) {
  std::ifstream file(std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/audio/golden.json");
  double largest = 0;
  for (const auto& one : json::parse(file)) {
    const test::TempDir folder;
    const auto extractor = extractor_of(folder, one["kind"], one["settings"]);
    const auto samples = generated(one["samples"], one["seed"]);
    const auto features = extractor.padded(extractor.features(samples)).contiguous();
    ASSERT_EQ(features.sizes().vec(), one["shape"].get<std::vector<std::int64_t>>()) << one["name"];
    const auto step = one["step"].get<std::int64_t>();
    const auto* value = features.const_data_ptr<float>();
    for (std::size_t i = 0; i < one["values"].size(); ++i) {
      const double difference = std::abs(value[static_cast<std::int64_t>(i) * step] - one["values"][i].get<double>());
      largest = std::max(largest, difference);
      ASSERT_LE(difference, 1e-4) << one["name"] << " value " << i;
    }
  }
  RecordProperty("largest_difference", std::to_string(largest));
}

TEST(Features, HaveTransformersDefaultsWithoutTheirOwnFile) {
  const test::TempDir folder;
  folder.write("config.json", R"({"model_type": "whisper", "num_mel_bins": 128})");
  const auto whisper = FeatureExtractor::read(folder.path());
  EXPECT_EQ(whisper.mel_bins(), 128);
  EXPECT_EQ(whisper.frames(), 3000);
  EXPECT_EQ(whisper.window_samples(), 480000);
  folder.write("config.json", R"({"model_type": "audio-spectrogram-transformer", "max_length": 98})");
  EXPECT_EQ(FeatureExtractor::read(folder.path()).frames(), 98);
}

// Splits are read when they are first asked for, which may be in the middle of a bfloat16 evaluation.
TEST(Features, AreTheSameUnderAutocast) {
  for (const std::string kind : {"ast", "whisper"}) {
    const test::TempDir folder;
    const auto extractor = extractor_of(folder, kind, {{"sampling_rate", 16000}});
    const auto samples = generated(8000, 5);
    const auto plain = extractor.features(samples).frames;
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    const auto under_autocast = extractor.features(samples).frames;
    at::autocast::set_autocast_enabled(at::kCPU, false);
    EXPECT_TRUE(under_autocast.equal(plain)) << kind;
  }
}

TEST(Features, SayWhichSettingIsWrong) {
  const test::TempDir folder;
  const auto says = [&](const std::string& kind, const json& settings) {
    return test::message_of<InputError>([&] { extractor_of(folder, kind, settings); });
  };
  const auto file = (folder / "preprocessor_config.json").string();
  EXPECT_EQ(says("ast", {{"num_mel_bins", "many"}}),
            file + ": num_mel_bins is \"many\", expected a whole number from 1 to 4096");
  EXPECT_EQ(says("ast", {{"std", 0}}), file + ": std is 0, expected a positive number");
  EXPECT_EQ(says("whisper", {{"dither", 0.1}}),
            file + ": dither is 0.1, expected 0: noise makes features that differ each time");
  folder.write("config.json", R"({"model_type": "bert"})");
  EXPECT_EQ(test::message_of<InputError>([&] { FeatureExtractor::read(folder.path()); }),
            (folder / "config.json").string() +
                ": model_type is 'bert', which reads no sound\n    expected audio-spectrogram-transformer or whisper");
}

TEST(Sound, OfAnyRateIsTheSameTone) {
  const test::TempDir folder;
  const auto wanted = sine(440, 16000, 0.5);
  for (const int rate : {8000, 11025, 22050, 44100, 48000}) {
    write_wav(folder / "tone.wav", sine(440, rate, 0.5), rate);
    const auto read = read_sound(folder / "tone.wav", 16000);
    ASSERT_NEAR(static_cast<double>(read.size()), 8000, 1) << rate;
    for (std::size_t i = 1000; i < 7000; ++i) ASSERT_NEAR(read[i], wanted[i], 2e-3) << rate << " sample " << i;
  }
}

TEST(Sound, OfSeveralChannelsIsTheirMean) {
  const test::TempDir folder;
  write_wav(folder / "stereo.wav", {0.5F, 0.1F, -0.25F, 0.75F}, 16000, 2);
  EXPECT_EQ(read_sound(folder / "stereo.wav", 16000), (std::vector<float>{0.3F, 0.25F}));
  EXPECT_EQ(read_sound_header(folder / "stereo.wav").channels, 2);
}

TEST(Sound, ThatCannotBeUsedIsNamed) {
  const test::TempDir folder;
  const auto says = [&](const std::filesystem::path& path) {
    return test::message_of<InputError>([&] { read_sound(path, 16000); });
  };
  EXPECT_EQ(says(folder / "none.wav"), (folder / "none.wav").string() + ": there is no such sound file");
  const auto text = folder.write("text.wav", "this is no sound");
  EXPECT_TRUE(says(text).starts_with(text.string() + ": is no sound file that can be read (")) << says(text);
  write_wav(folder / "empty.wav", {}, 16000);
  EXPECT_EQ(says(folder / "empty.wav"), (folder / "empty.wav").string() + ": holds no samples");
  write_wav(folder / "nan.wav", {0.1F, std::nanf(""), 0.2F}, 16000);
  EXPECT_EQ(says(folder / "nan.wav"),
            (folder / "nan.wav").string() + ": sample 1 is not a finite number\n    repair or leave out the file");
}

class Set : public testing::Test {
 protected:
  Set() {
    std::filesystem::create_directory(folder / "model");
    folder.write("model/config.json", R"({"model_type": "whisper"})");
    folder.write("model/preprocessor_config.json", R"({"feature_size": 8, "chunk_length": 1})");
    extractor = std::make_unique<FeatureExtractor>(FeatureExtractor::read(folder / "model"));
  }
  void add(const std::string& name, const std::vector<float>& samples) {
    write_wav(folder / name, samples, 16000);
    rows.push_back({(folder / name).string(), "", {}, static_cast<std::int64_t>(rows.size()) + 2});
  }
  FeatureSet open(FeaturePolicy policy = {}) {
    return FeatureSet::open(rows, *extractor, policy, folder / "cache", "digest",
                            [&](const std::string& line) { said.push_back(line); });
  }
  test::TempDir folder;
  std::vector<AudioRow> rows;
  std::vector<std::string> said;
  std::unique_ptr<FeatureExtractor> extractor;
};

TEST_F(Set, GivesWhatTheExtractorGivesFromTheCacheAsWell) {
  add("a.wav", generated(8000, 1));
  add("b.wav", generated(16000, 2));
  for (int time = 0; time < 2; ++time) {
    const auto set = open();
    ASSERT_EQ(set.size(), 2);
    const std::vector<std::int64_t> both = {1, 0};
    const auto features = set.features(both);
    EXPECT_TRUE(features[0].equal(extractor->padded(extractor->features(generated(16000, 2)))));
    EXPECT_TRUE(features[1].equal(extractor->padded(extractor->features(generated(8000, 1)))));
    // The second time nothing is read but the cache.
    std::filesystem::remove(folder / "a.wav");
  }
}

TEST_F(Set, MakesADamagedCacheAgainAndSaysSo) {
  add("a.wav", generated(8000, 1));
  open();
  const auto kept = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "cache/features"))
      if (entry.path().extension() == ".features") return entry.path();
    return std::filesystem::path();
  };
  const std::vector<std::int64_t> first = {0};
  const auto features = open().features(first);
  EXPECT_TRUE(said.empty());

  std::filesystem::resize_file(kept(), 100);
  EXPECT_TRUE(open().features(first).equal(features));
  // One bit of one number: the file is as well-formed as before.
  std::fstream file(kept(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(200);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(200);
  file.put(byte);
  file.close();
  EXPECT_TRUE(open().features(first).equal(features));

  ASSERT_EQ(said.size(), 2U);
  for (const auto& line : said)
    EXPECT_NE(line.find(".features: does not verify and is computed again: "), std::string::npos) << line;
}

TEST_F(Set, IsNotTrimmedWhileItIsReadFrom) {
  add("a.wav", generated(8000, 1));
  const CacheFolder cache(folder / "cache");
  const std::vector<std::int64_t> first = {0};
  for (int time = 0; time < 2; ++time) {
    const auto set = open();
    EXPECT_EQ(cache.trim(0, 0).in_use, 1U);
    EXPECT_EQ(set.features(first).size(0), 1);
  }
  EXPECT_EQ(cache.trim(0, 0).entries, 1U);
}

TEST_F(Set, ComputesEachTimeWhereNothingCanBeKept) {
  add("a.wav", generated(8000, 1));
  folder.write("cache", "a file where the folder would be");
  const auto set = open();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].ends_with(": features cannot be kept here and are computed each time")) << said[0];
  const std::vector<std::int64_t> first = {0};
  EXPECT_TRUE(set.features(first)[0].equal(extractor->padded(extractor->features(generated(8000, 1)))));
}

TEST_F(Set, NamesAllBadFilesAtOnceOrLeavesThemOut) {
  add("good.wav", generated(8000, 1));
  add("empty.wav", {});
  add("long.wav", generated(16001 + 3000, 2));
  rows.push_back({(folder / "missing.wav").string(), "", {}, 5});

  EXPECT_EQ(test::message_of<InputError>([&] { open(); }),
            "3 of 4 sound files cannot be used\n    " + (folder / "empty.wav").string() + ": holds no samples\n    " +
                (folder / "long.wav").string() + ": is 1.2 s long, the model hears 1.0 s\n    " +
                (folder / "missing.wav").string() +
                ": there is no such sound file\n    bad_files = \"skip\" (on the command line --bad-files skip) leaves "
                "them out and counts them; long_audio = "
                "\"cut\" or \"chunk\" takes long ones");
  const auto set = open({.skip_bad_files = true});
  EXPECT_EQ(set.size(), 1);
  EXPECT_EQ(set.skipped().size(), 3U);
}

TEST_F(Set, CutsOrChunksLongFiles) {
  const auto samples = generated(40000, 3);
  add("long.wav", samples);
  const std::vector<std::int64_t> first = {0};
  const auto part = [&](std::size_t begin, std::size_t count) {
    return extractor->padded(extractor->features(std::span(samples).subspan(begin, count)));
  };

  const auto cut = open({.long_audio = FeaturePolicy::LongAudio::Cut});
  EXPECT_EQ(cut.cut(), 1);
  EXPECT_TRUE(cut.features(first)[0].equal(part(0, 16000)));

  const auto chunked = open({.long_audio = FeaturePolicy::LongAudio::Chunk});
  ASSERT_EQ(chunked.windows(0), 3);
  EXPECT_TRUE(chunked.features(first, 2)[0].equal(part(32000, 8000)));
}

TEST_F(Set, CountsFilesOfOppositePhaseFromTheCacheAsWell) {
  add("a.wav", generated(8000, 1));
  std::vector<float> opposite;
  for (const float sample : generated(8000, 2)) opposite.insert(opposite.end(), {sample, -sample});
  write_wav(folder / "b.wav", opposite, 16000, 2);
  rows.push_back({(folder / "b.wav").string(), "", {}, 3});
  for (int time = 0; time < 2; ++time) EXPECT_EQ(open().cancelling(), std::vector<std::int64_t>{1});
}

// More windows than are held at once.
TEST_F(Set, WritesVeryLongFilesAsTheyAreRead) {
  const auto samples = generated(20 * 16000 + 5000, 4);
  add("short.wav", generated(8000, 1));
  add("long.wav", samples);
  const std::vector<std::int64_t> second = {1};
  for (const char* cache : {"cache", "blocked"}) {
    folder.write("blocked", "a file where the folder would be");
    const auto set =
        FeatureSet::open(rows, *extractor, {.long_audio = FeaturePolicy::LongAudio::Chunk}, folder / cache, "digest");
    ASSERT_EQ(set.windows(1), 21);
    for (const std::int64_t window : {0, 7, 8, 20}) {
      const auto begin = static_cast<std::size_t>(window) * 16000;
      EXPECT_TRUE(set.features(second, window)[0].equal(extractor->padded(extractor->features(
          std::span(samples).subspan(begin, std::min<std::size_t>(16000, samples.size() - begin))))));
    }
  }
}

// Nothing tells their length before they are read.
TEST_F(Set, RefusesLongFilesOfUnknownLength) {
  const auto mp3 = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/audio/mp3/variable.mp3";
  rows.push_back({mp3.string(), "", {}, 2});
  const auto message = test::message_of<InputError>([&] { open(); });
  EXPECT_TRUE(message.starts_with(mp3.string() + ": is 2.1 s long, the model hears 1.0 s\n")) << message;
  EXPECT_NE(message.find("long_audio = \"cut\" or \"chunk\""), std::string::npos) << message;
}

TEST(Augmentation, MixesFeaturesAndTargetsAlike) {
  Random random(3);
  const auto features = at::eye(4).unsqueeze(1);  // [4, 1, 4]: an example shows itself
  const auto mixed = augment(features, at::eye(4), {.mixup = 0.5}, random);
  EXPECT_TRUE(at::allclose(mixed.features.squeeze(1), mixed.targets));
  EXPECT_TRUE(at::allclose(mixed.targets.sum(1), at::ones({4})));
  EXPECT_FALSE(at::allclose(mixed.targets, at::eye(4)));
}

TEST(Augmentation, BlanksBandsNoWiderThanAllowed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const auto result = augment(at::ones({2, 10, 8}), at::ones({2, 1}), {.frequency_mask = 3, .time_mask = 4}, random);
    const auto bins = result.features.amax(1).eq(0).sum(1), frames = result.features.amax(2).eq(0).sum(1);
    EXPECT_LE(bins.max().item<std::int64_t>(), 3);
    EXPECT_LE(frames.max().item<std::int64_t>(), 4);
  }
}

TEST(Augmentation, ShiftsAndAddsNoiseWithinBounds) {
  Random random(9);
  const auto ramp = at::arange(10, at::kFloat).view({1, 10, 1});
  const auto shifted = augment(ramp, at::ones({1, 1}), {.shift = 2}, random).features;
  EXPECT_TRUE(at::allclose(std::get<0>(shifted.flatten().sort()), ramp.flatten()));
  const auto noisy = augment(ramp, at::ones({1, 1}), {.noise = 0.25}, random).features;
  EXPECT_LE((noisy - ramp).abs().max().item<double>(), 0.25);
  EXPECT_GT((noisy - ramp).abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace espalier::audio
