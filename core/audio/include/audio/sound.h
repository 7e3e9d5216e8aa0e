// Sound files as samples: one channel, one rate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace espalier::audio {

struct SoundHeader {
  std::int64_t rate = 0, channels = 0, frames = 0;
  double seconds() const { return rate == 0 ? 0 : static_cast<double>(frames) / static_cast<double>(rate); }
};

// Throws InputError: not there, no sound file, absurd numbers, no samples at all.
SoundHeader read_sound_header(const std::filesystem::path& path);

// All samples in -1 to 1: channels averaged, resampled (soxr, high quality) where the file has another rate. Throws
// InputError as read_sound_header does, and where the file is cut short or holds samples that are not finite.
std::vector<float> read_sound(const std::filesystem::path& path, std::int64_t rate);

}  // namespace espalier::audio
