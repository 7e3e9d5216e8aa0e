// Sound files as samples: one channel, one rate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace espalier::audio {

struct SoundHeader {
  std::int64_t rate = 0, channels = 0;
  // Samples of each channel; nullopt where only reading tells: MP3 without a Xing frame, FLAC written into a pipe.
  std::optional<std::int64_t> frames = {};
  std::optional<double> seconds() const {
    if (!frames) return std::nullopt;
    return static_cast<double>(*frames) / static_cast<double>(rate);
  }
};

// One file from its start to its end, as its decoder gives it: channels averaged, resampled (soxr, high quality) where
// the file has another rate, in -1 to 1. Memory does not grow with the file.
class SoundReader {
 public:
  // Throws InputError: not there, no sound file, absurd numbers, no samples at all, cut short as its header tells.
  SoundReader(const std::filesystem::path& path, std::int64_t rate);
  ~SoundReader();
  SoundReader(SoundReader&&) noexcept;

  const SoundHeader& header() const;
  // The next samples, at most `most`; fewer only at the end. Throws InputError where the file turns out to be cut
  // short, too long or damaged, and for samples that are not finite.
  std::vector<float> next(std::size_t most);
  // Of what has been read: channels of opposite phase have made their mean nearly silent, below a hundredth of their
  // power.
  bool channels_cancel() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

SoundHeader read_sound_header(const std::filesystem::path& path);

// Samples of one channel at another rate (soxr, high quality).
std::vector<float> resampled(const std::vector<float>& samples, std::int64_t from, std::int64_t to);

// All samples at once, for short sounds.
std::vector<float> read_sound(const std::filesystem::path& path, std::int64_t rate);

}  // namespace espalier::audio
