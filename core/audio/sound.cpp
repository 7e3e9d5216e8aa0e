#include "audio/sound.h"

#include <espalier/error.h>
#include <sndfile.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

namespace espalier::audio {
namespace {

constexpr std::int64_t largest_rate = 768'000, most_channels = 64, most_samples = std::int64_t{1} << 31;

struct Closer {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using File = std::unique_ptr<SNDFILE, Closer>;

struct Opened {
  File file;
  SoundHeader header;
};

Opened open_sound(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw InputError(path.string() + ": there is no such sound file");
  SF_INFO info{};
  File file(sf_open(path.c_str(), SFM_READ, &info));
  if (!file) {
    std::string why = sf_strerror(nullptr);
    while (!why.empty() && (why.back() == '.' || why.back() == ' ')) why.pop_back();
    throw InputError(path.string() + ": is no sound file that can be read (" + why +
                     ")\n    expected wav, flac, ogg, mp3 or aiff");
  }
  const SoundHeader header{info.samplerate, info.channels, info.frames};
  if (header.rate < 1 || header.rate > largest_rate || header.channels < 1 || header.channels > most_channels ||
      header.frames < 0 || header.frames > most_samples / header.channels) {
    throw InputError(path.string() + ": its header makes no sense (" + std::to_string(header.rate) + " Hz, " +
                     std::to_string(header.channels) + " channels, " + std::to_string(header.frames) + " samples)");
  }
  if (header.frames == 0) throw InputError(path.string() + ": holds no samples");
  return {std::move(file), header};
}

std::vector<float> resampled(const std::vector<float>& samples, std::int64_t from, std::int64_t to,
                             const std::filesystem::path& path) {
  if (from == to) return samples;
  const auto expected = static_cast<std::size_t>(
      std::ceil(static_cast<double>(samples.size()) * static_cast<double>(to) / static_cast<double>(from)));
  std::vector<float> result(expected + 64);
  std::size_t used = 0, made = 0;
  const auto quality = soxr_quality_spec(SOXR_HQ, 0);
  const auto* failed =
      soxr_oneshot(static_cast<double>(from), static_cast<double>(to), 1, samples.data(), samples.size(), &used,
                   result.data(), result.size(), &made, nullptr, &quality, nullptr);
  if (failed != nullptr) throw InputError(path.string() + ": cannot be resampled: " + failed);
  result.resize(std::min(made, expected));
  return result;
}

}  // namespace

SoundHeader read_sound_header(const std::filesystem::path& path) { return open_sound(path).header; }

std::vector<float> read_sound(const std::filesystem::path& path, std::int64_t rate) {
  const auto opened = open_sound(path);
  const auto channels = static_cast<std::size_t>(opened.header.channels);
  std::vector<float> mono;
  // A header may promise more than the file holds: memory grows with what is read.
  constexpr std::size_t frames_at_once = 1 << 16;
  std::vector<float> interleaved(frames_at_once * channels);
  while (true) {
    const auto got = sf_readf_float(opened.file.get(), interleaved.data(), frames_at_once);
    if (got <= 0) break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      float sum = 0;
      for (std::size_t channel = 0; channel < channels; ++channel) sum += interleaved[i * channels + channel];
      const float sample = channels == 1 ? sum : sum / static_cast<float>(channels);
      if (!std::isfinite(sample)) {
        throw InputError(path.string() + ": sample " + std::to_string(mono.size()) +
                         " is not a finite number\n    repair or leave out the file");
      }
      mono.push_back(sample);
    }
  }
  if (static_cast<std::int64_t>(mono.size()) < opened.header.frames) {
    throw InputError(path.string() + ": is cut short: holds " + std::to_string(mono.size()) + " of " +
                     std::to_string(opened.header.frames) + " samples");
  }
  return resampled(mono, opened.header.rate, rate, path);
}

}  // namespace espalier::audio
