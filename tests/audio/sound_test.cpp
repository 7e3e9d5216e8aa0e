// Files are heard as their decoders give them, to their ends: lengths left open, estimated, wrong; files cut short.
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::audio {
namespace {

using Bytes = std::string;

Bytes number(std::uint64_t value, int width, bool big_endian = false) {
  Bytes bytes;
  for (int i = 0; i < width; ++i)
    bytes += static_cast<char>(static_cast<unsigned char>(value >> 8 * (big_endian ? width - 1 - i : i)));
  return bytes;
}

// Samples -1 to 1 in steps of 1/128, as 16-bit integers.
std::vector<float> ramp(int count) {
  std::vector<float> samples;
  for (int i = 0; i < count; ++i) samples.push_back(static_cast<float>((i * 7 + i / 11) % 255 - 127) / 128.0F);
  return samples;
}
Bytes pcm(const std::vector<float>& samples, bool big_endian = false) {
  Bytes bytes;
  for (const float sample : samples)
    bytes += number(static_cast<std::uint16_t>(static_cast<std::int16_t>(sample * 32768.0F)), 2, big_endian);
  return bytes;
}

Bytes format_chunk(int channels = 1) {
  return "fmt " + number(16, 4) + number(1, 2) + number(static_cast<std::uint64_t>(channels), 2) + number(16000, 4) +
         number(static_cast<std::uint64_t>(32000 * channels), 4) + number(static_cast<std::uint64_t>(2 * channels), 2) +
         number(16, 2);
}
Bytes wav(const Bytes& data, std::uint64_t promised, std::uint64_t riff, const Bytes& behind = "", int channels = 1) {
  return "RIFF" + number(riff, 4) + "WAVE" + format_chunk(channels) + "data" + number(promised, 4) + data + behind;
}
Bytes rf64(const Bytes& name, const Bytes& data, std::uint64_t promised) {
  return name + number(0xFFFFFFFF, 4) + "WAVE" + "ds64" + number(28, 4) + number(data.size() + 72, 8) +
         number(promised, 8) + number(data.size() / 2, 8) + number(0, 4) + format_chunk() + "data" +
         number(0xFFFFFFFF, 4) + data;
}
Bytes wave64(const Bytes& data, std::uint64_t promised) {
  const Bytes rest = "\xF3\xAC\xD3\x11\x8C\xD1";
  const Bytes tail = rest + Bytes("\x00\xC0\x4F\x8E\xDB\x8A", 6);
  const Bytes format = format_chunk().substr(8);
  const Bytes body = "wave" + tail + "fmt " + tail + number(24 + format.size(), 8) + format + "data" + tail +
                     number(promised, 8) + data;
  return Bytes("riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00", 16) + number(24 + body.size(), 8) + body;
}
Bytes aiff(const Bytes& data, std::uint64_t frames, std::uint64_t promised) {
  const Bytes common = number(1, 2, true) + number(frames, 4, true) + number(16, 2, true) +
                       Bytes("\x40\x0C\xFA\x00\x00\x00\x00\x00\x00\x00", 10);  // 16,000 as an extended float
  const Bytes body =
      "AIFFCOMM" + number(18, 4, true) + common + "SSND" + number(promised, 4, true) + number(0, 8) + data;
  return "FORM" + number(body.size(), 4, true) + body;
}
Bytes au(const Bytes& data, std::uint64_t promised) {
  return ".snd" + number(24, 4, true) + number(promised, 4, true) + number(3, 4, true) + number(16000, 4, true) +
         number(1, 4, true) + data;
}
Bytes caf(const Bytes& data, std::uint64_t promised) {
  return "caff" + number(1, 2, true) + number(0, 2) + "desc" + number(32, 8, true) +
         Bytes("\x40\xCF\x40\x00\x00\x00\x00\x00", 8) + "lpcm" + number(0, 4) + number(2, 4, true) +
         number(1, 4, true) + number(1, 4, true) + number(16, 4, true) + "data" + number(promised, 8, true) +
         number(0, 4) + data;
}

Bytes encoded(const test::TempDir& folder, int format, const std::vector<float>& samples) {
  const auto path = folder / "encoded";
  SF_INFO info{};
  info.samplerate = 16000;
  info.channels = 1;
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
  sf_write_float(file, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(file);
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class SoundFile : public testing::Test {
 protected:
  std::vector<float> heard(const Bytes& bytes, const std::string& name = "sound.wav") {
    return read_sound(folder.write(name, bytes), 16000);
  }
  // Without the path.
  std::string refusal(const Bytes& bytes, const std::string& name = "sound.wav") {
    const auto path = folder.write(name, bytes);
    const auto message = test::message_of<InputError>([&] { read_sound(path, 16000); });
    EXPECT_TRUE(message.starts_with(path.string() + ": ")) << message;
    return message.substr(std::min(message.size(), path.string().size() + 2));
  }
  std::string header_refusal(const Bytes& bytes, const std::string& name = "sound.wav") {
    const auto path = folder.write(name, bytes);
    const auto message = test::message_of<InputError>([&] { read_sound_header(path); });
    return message.substr(std::min(message.size(), path.string().size() + 2));
  }

  test::TempDir folder;
  const std::vector<float> samples = ramp(5000);
  const Bytes data = pcm(samples), swapped = pcm(samples, true);
  const std::uint64_t size = data.size();
};

TEST_F(SoundFile, OfALengthLeftOpenIsHeardToItsEnd) {
  for (const std::uint64_t promised : {0x0ULL, 0xFFFFFFFFULL, 0xFFFFFFFFULL - 36, 0x7FFFF000ULL, 0x80000000ULL}) {
    for (const std::uint64_t riff : {0x0ULL, 36ULL, 0xFFFFFFFFULL})
      EXPECT_EQ(heard(wav(data, promised, riff)), samples) << std::hex << promised;
  }
  for (const std::uint64_t promised : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    EXPECT_EQ(heard(rf64("RF64", data, promised)), samples) << promised;
    EXPECT_EQ(heard(rf64("BW64", data, promised)), samples) << promised;
    EXPECT_EQ(heard(caf(swapped, promised), "sound.caf"), samples) << promised;
  }
  for (const std::uint64_t promised : {std::uint64_t{0}, std::uint64_t{24}, ~std::uint64_t{0} >> 1, ~std::uint64_t{0}})
    EXPECT_EQ(heard(wave64(data, promised), "sound.w64"), samples) << promised;
  for (const std::uint64_t promised : {0x0ULL, 0x8ULL, 0x7F000008ULL, 0xFFFFFFFFULL})
    EXPECT_EQ(heard(aiff(swapped, promised / 2, promised), "sound.aiff"), samples) << promised;
  for (const std::uint64_t promised : {0x0ULL, 0xFFFFFFFFULL})
    EXPECT_EQ(heard(au(swapped, promised), "sound.au"), samples) << promised;
}

TEST_F(SoundFile, OfAnyContainerIsHeard) {
  EXPECT_EQ(heard(wav(data, size, 36 + size)), samples);
  EXPECT_EQ(heard(wav(data, size, 36 + size, "LIST" + number(4, 4) + "INFO")), samples);
  EXPECT_EQ(heard(wav(data, size, 36 + size, Bytes(777, 'x'))), samples);
  EXPECT_EQ(heard(rf64("RF64", data, size)), samples);
  EXPECT_EQ(heard(rf64("BW64", data, size)), samples);
  EXPECT_EQ(heard(wave64(data, size + 24)), samples);
  EXPECT_EQ(heard(aiff(swapped, 5000, size + 8)), samples);
  EXPECT_EQ(heard(au(swapped, size)), samples);
  EXPECT_EQ(heard(caf(swapped, size + 4)), samples);
}

TEST_F(SoundFile, OfNoSamplesIsEmptyAndNotLeftOpen) {
  EXPECT_EQ(refusal(wav("", 0, 36)), "holds no samples");
  EXPECT_EQ(refusal(wav("", 0, 48, "LIST" + number(4, 4) + "INFO")), "holds no samples");
  EXPECT_EQ(refusal(aiff("", 0, 8), "sound.aiff"), "holds no samples");
  EXPECT_EQ(refusal(""), "is empty, expected wav, flac, ogg, mp3 or aiff");
}

TEST_F(SoundFile, CutShortSaysSoBeforeItIsRead) {
  const std::string why = "is cut short: its header promises 10000 bytes of samples, 3333 are there";
  const Bytes part = data.substr(0, 3333), swapped_part = swapped.substr(0, 3333);
  EXPECT_EQ(header_refusal(wav(part, size, 36 + size)), why);
  EXPECT_EQ(header_refusal(wav(part, size, 36 + part.size())), why);
  EXPECT_EQ(header_refusal(rf64("RF64", part, size)), why);
  EXPECT_EQ(header_refusal(wave64(part, size + 24), "sound.w64"), why);
  EXPECT_EQ(header_refusal(aiff(swapped_part, 5000, size + 8), "sound.aiff"), why);
  EXPECT_EQ(header_refusal(au(swapped_part, size), "sound.au"), why);
  EXPECT_EQ(header_refusal(caf(swapped_part, size + 4), "sound.caf"), why);
  EXPECT_EQ(header_refusal(aiff(swapped, 6000, size + 8), "sound.aiff"),
            "is cut short: its header promises 6000 samples, 5000 are there");
  // One byte is enough.
  EXPECT_EQ(header_refusal(wav(data.substr(0, size - 1), size, 36 + size)),
            "is cut short: its header promises 10000 bytes of samples, 9999 are there");
}

TEST_F(SoundFile, OfFlacWithoutALengthIsHeardUnlessItIsCut) {
  const auto long_ramp = ramp(20000);
  Bytes flac = encoded(folder, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, long_ramp);
  const auto whole = heard(flac, "whole.flac");
  ASSERT_EQ(whole.size(), long_ramp.size());
  const auto cut = flac.substr(0, flac.size() * 2 / 3);
  EXPECT_EQ(refusal(cut, "cut.flac").substr(0, 20), "is cut short: holds ");

  // STREAMINFO's 36 bits of total samples, as an encoder writes them into a pipe.
  flac[21] = static_cast<char>(flac[21] & 0xF0);
  for (std::size_t i = 22; i < 26; ++i) flac[i] = 0;
  EXPECT_EQ(heard(flac, "piped.flac"), whole);
  EXPECT_EQ(heard(flac + Bytes(128, '\0'), "tagged.flac"), whole);
  EXPECT_FALSE(read_sound_header(folder.write("piped.flac", flac)).frames);
  for (std::size_t part = 3; part < 8; ++part) {
    EXPECT_EQ(refusal(flac.substr(0, flac.size() * part / 8), "cut.flac").substr(0, 47),
              "is cut short: its last frame is not whole, afte");
  }
}

TEST_F(SoundFile, OfOggIsHeardWhateverStandsBehindItAndNamedWhereItIsCut) {
  const auto long_ramp = ramp(20000);
  for (const int codec : {SF_FORMAT_VORBIS, SF_FORMAT_OPUS}) {
    const Bytes ogg = encoded(folder, SF_FORMAT_OGG | codec, long_ramp);
    const auto whole = heard(ogg, "whole.ogg");
    ASSERT_EQ(whole.size(), 20000U);
    EXPECT_EQ(heard(ogg + "some tag", "tagged.ogg"), whole);
    EXPECT_EQ(heard(ogg + Bytes(3000, '\0'), "padded.ogg"), whole);
    EXPECT_EQ(read_sound_header(folder / "padded.ogg").frames, 20000);
    // A chain: the streams of a radio's recording, one after the other.
    auto twice = whole;
    twice.insert(twice.end(), whole.begin(), whole.end());
    EXPECT_EQ(heard(ogg + ogg, "chain.ogg"), twice);
    EXPECT_EQ(read_sound_header(folder / "chain.ogg").frames, 40000);

    EXPECT_EQ(header_refusal(ogg.substr(0, ogg.size() - 10), "cut.ogg"),
              "is cut short: it ends in the middle of an Ogg page");
    const auto last_page = ogg.rfind("OggS");
    EXPECT_EQ(header_refusal(ogg.substr(0, last_page), "cut.ogg"),
              "is cut short: none of its Ogg pages ends the stream");
    EXPECT_EQ(header_refusal(ogg + ogg.substr(0, last_page), "cut.ogg"),
              "is cut short: none of its Ogg pages ends the stream");
  }
}

// How many samples the program mpg123 decodes (tests/fixtures/audio/make_mp3.py).
TEST_F(SoundFile, OfMp3IsWhatItsDecoderGives) {
  const auto mp3 = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/audio/mp3";
  std::ifstream file(mp3 / "samples.json");
  const auto decoded = nlohmann::json::parse(file);
  ASSERT_EQ(decoded.size(), 8U);
  for (const auto& [name, count] : decoded.items()) {
    EXPECT_EQ(read_sound(mp3 / name, 16000).size(), count.get<std::size_t>()) << name;
    const bool tells = name == "xing.mp3" || name == "joined.mp3";
    EXPECT_EQ(read_sound_header(mp3 / name).frames.has_value(), tells) << name;
  }
  EXPECT_EQ(read_sound(mp3 / "artwork.mp3", 16000), read_sound(mp3 / "variable.mp3", 16000));
  const auto said = test::message_of<InputError>([&] { read_sound(mp3 / "cut.mp3", 16000); });
  EXPECT_NE(said.find("cut.mp3: is cut short: holds "), std::string::npos) << said;
  EXPECT_NE(said.find(" of 32000 samples"), std::string::npos) << said;
}

TEST_F(SoundFile, InPiecesIsTheSameAsAtOnceAtAnyRate) {
  const auto path = folder.write("long.wav", wav(pcm(ramp(100'000)), 200'000, 200'036));
  for (const std::int64_t rate : {16000, 8000, 22050}) {
    const auto whole = read_sound(path, rate);
    ASSERT_NEAR(static_cast<double>(whole.size()), 100'000.0 * static_cast<double>(rate) / 16000, 1);
    SoundReader reader(path, rate);
    std::vector<float> pieces;
    while (true) {
      const auto piece = reader.next(7777);
      if (piece.empty()) break;
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(pieces, whole) << rate;
  }
}

// A day of silence is some kilobytes of FLAC: what reading may cost is bounded by time, not by the file.
TEST_F(SoundFile, OfMoreThanADayIsRefused) {
  const Bytes slow = wav(Bytes(2 * 90'000, '\0'), 180'000, 180'036).replace(24, 4, number(1, 4));  // 1 Hz
  EXPECT_EQ(header_refusal(slow),
            "is longer than 24 h (or than 8589934592 samples of all channels)\n"
            "    cut it into shorter files");
}

TEST_F(SoundFile, OfOppositePhaseIsTold) {
  const auto cancels = [&](const std::vector<float>& right_of_left) {
    std::vector<float> stereo;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      stereo.push_back(samples[i]);
      stereo.push_back(right_of_left[i]);
    }
    SoundReader reader(folder.write("stereo.wav", wav(pcm(stereo), 4 * samples.size(), 36 + 4 * samples.size(), "", 2)),
                       16000);
    while (!reader.next(1000).empty()) {
    }
    return reader.channels_cancel();
  };
  std::vector<float> opposite, weaker, shifted(samples.size()), silent(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    opposite.push_back(-samples[i]);
    weaker.push_back(-0.9F * samples[i]);
    shifted[i] = samples[(i * 31 + 7) % samples.size()];
  }
  EXPECT_TRUE(cancels(opposite));
  EXPECT_TRUE(cancels(weaker));
  EXPECT_FALSE(cancels(samples));
  EXPECT_FALSE(cancels(shifted));
  EXPECT_FALSE(cancels(silent));
}

}  // namespace
}  // namespace espalier::audio
