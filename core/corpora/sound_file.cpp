#include "sound_file.h"

#include <espalier/error.h>
#include <sndfile.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

constexpr float silent_peak = 0.01F;          // of full scale; quieter files hold nothing
constexpr float audible_share = 0.02F;        // of the peak
constexpr std::int64_t longest_seconds = 60;  // of a spoken word; more is no word

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

SoundFile open_to_read(const fs::path& file, SF_INFO& info) {
  info = {};
  return SoundFile(sf_open(file.c_str(), SFM_READ, &info));
}

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

std::vector<float> resampled(const std::vector<float>& samples, int rate) {
  if (rate == clip_rate) return samples;
  std::vector<float> out(samples.size() * clip_rate / static_cast<std::size_t>(rate) + 2);
  std::size_t written = 0;
  const auto quality = soxr_quality_spec(SOXR_HQ, 0);
  const auto error = soxr_oneshot(rate, clip_rate, /*num_channels=*/1, samples.data(), samples.size(), nullptr,
                                  out.data(), out.size(), &written, nullptr, &quality, nullptr);
  out.resize(error == nullptr ? written : 0);
  return out;
}

}  // namespace

std::optional<double> seconds_of(const fs::path& file) {
  SF_INFO info;
  const auto sound = open_to_read(file, info);
  if (!sound || info.frames <= 0 || info.samplerate <= 0) return std::nullopt;
  return static_cast<double>(info.frames) / info.samplerate;
}

std::vector<std::int16_t> heard_in(const fs::path& file) {
  SF_INFO info;
  const auto sound = open_to_read(file, info);
  if (!sound || info.channels != 1 || info.samplerate <= 0 || info.frames > longest_seconds * info.samplerate)
    return {};
  std::vector<float> samples(static_cast<std::size_t>(std::max<sf_count_t>(info.frames, 0)));
  const auto read = sf_read_float(sound.get(), samples.data(), info.frames);
  samples.resize(static_cast<std::size_t>(std::max<sf_count_t>(read, 0)));
  std::vector<std::int16_t> clip;
  for (const float sample : resampled(without_silence(samples, info.samplerate), info.samplerate)) {
    clip.push_back(static_cast<std::int16_t>(std::lrint(std::clamp(sample * 32767.0F, -32768.0F, 32767.0F))));
  }
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
