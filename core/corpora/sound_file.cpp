#include "sound_file.h"

#include <espalier/error.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "audio/sound.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

constexpr float silent_peak = 0.01F;               // of full scale; quieter files hold nothing
constexpr float audible_share = 0.02F;             // of the peak
constexpr std::int64_t longest_word_seconds = 60;  // of a spoken word; more is no word

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

std::vector<float> without_silence(const std::vector<float>& samples, int rate) {
  float peak = 0;
  for (const float sample : samples) peak = std::max(peak, std::abs(sample));
  if (!(peak >= silent_peak)) return {};
  const auto heard = [&](float sample) { return std::abs(sample) >= peak * audible_share; };
  const auto margin = static_cast<std::ptrdiff_t>(rate / 50);
  const auto first = std::find_if(samples.begin(), samples.end(), heard) - samples.begin();
  const auto last = samples.rend() - std::find_if(samples.rbegin(), samples.rend(), heard);
  const auto begin = std::max<std::ptrdiff_t>(first - margin, 0);
  const auto end = std::min<std::ptrdiff_t>(last + margin, static_cast<std::ptrdiff_t>(samples.size()));
  return {samples.begin() + begin, samples.begin() + end};
}

// All samples at the file's own rate; none where it is longer than a word.
std::vector<float> word_in(const fs::path& file, std::int64_t rate) {
  constexpr std::size_t at_once = 1 << 16;
  const auto most = static_cast<std::size_t>(longest_word_seconds * rate);
  audio::SoundReader reader(file, rate);
  std::vector<float> samples;
  for (auto more = reader.next(at_once); !more.empty(); more = reader.next(at_once)) {
    samples.insert(samples.end(), more.begin(), more.end());
    if (samples.size() > most) return {};
  }
  return samples;
}

// What only reading tells.
std::optional<double> seconds_read(const fs::path& file, std::int64_t rate) {
  constexpr std::size_t at_once = 1 << 16;
  audio::SoundReader reader(file, rate);
  std::size_t count = 0;
  while (const auto got = reader.next(at_once).size()) count += got;
  if (count == 0) return std::nullopt;
  return static_cast<double>(count) / static_cast<double>(rate);
}

}  // namespace

std::optional<double> seconds_of(const fs::path& file) {
  try {
    const auto header = audio::read_sound_header(file);
    return header.frames ? header.seconds() : seconds_read(file, header.rate);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

std::vector<std::int16_t> heard_in(const fs::path& file) {
  std::vector<float> heard;
  try {
    const auto header = audio::read_sound_header(file);
    if (header.channels != 1) return {};
    const auto rate = static_cast<int>(header.rate);
    heard = audio::resampled(without_silence(word_in(file, rate), rate), rate, clip_rate);
  } catch (const InputError&) {
    return {};
  }
  std::vector<std::int16_t> clip;
  for (const float sample : heard)
    clip.push_back(static_cast<std::int16_t>(std::lrint(std::clamp(sample * 32767.0F, -32768.0F, 32767.0F))));
  return clip;
}

void write_clip(const fs::path& file, const std::vector<std::int16_t>& samples) {
  SF_INFO info = {};
  info.samplerate = clip_rate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SoundFile sound(sf_open(file.c_str(), SFM_WRITE, &info));
  const auto count = static_cast<sf_count_t>(samples.size());
  if (!sound || sf_write_short(sound.get(), samples.data(), count) != count || sf_close(sound.release()) != 0) {
    throw InputError(file.string() + ": cannot be written: is the disk full?");
  }
}

}  // namespace espalier::corpora
