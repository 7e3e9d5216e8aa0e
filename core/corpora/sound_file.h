// Sound files as the room audio reads them: how long one is, and speech cut to what is heard. Writes by libsndfile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace espalier::corpora {

constexpr int clip_rate = 16000;  // Hz

// Seconds; nothing where it is no sound file, an empty one, or one that holds less than it promises.
std::optional<double> seconds_of(const std::filesystem::path& file);

// A mono file at 16 kHz without the silence around it: samples below a fiftieth of the loudest, but for 20 ms.
// Empty where it is no sound file or nothing is heard in it.
std::vector<std::int16_t> heard_in(const std::filesystem::path& file);

// 16-bit WAV, mono, 16 kHz. Throws InputError.
void write_clip(const std::filesystem::path& file, const std::vector<std::int16_t>& samples);

}  // namespace espalier::corpora
