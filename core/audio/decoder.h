// What a sound file's own decoder makes of it, from its start to its end. Lengths that a header or a library only
// estimates bound nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "audio/sound.h"
#include "sound_bytes.h"

namespace espalier::audio {

class Decoder {
 public:
  virtual ~Decoder() = default;
  const SoundHeader& header() const { return header_; }
  // The next frames (one sample of each channel), interleaved; 0 only at the end. Throws InputError where what follows
  // cannot be decoded, and at the end of a file that is cut short.
  virtual std::int64_t read(std::span<float> interleaved) = 0;

 protected:
  SoundHeader header_;
};

// Throws InputError: no file, no sound, cut short as its header tells.
std::unique_ptr<Decoder> open_decoder(const std::filesystem::path& path);

// MPEG layers 1 to 3 by libmpg123. Where they have no Xing frame their length is unknown; libsndfile would stop at an
// estimate, and at the first of several joined files.
std::unique_ptr<Decoder> open_mpeg(const std::filesystem::path& path, SoundBytes bytes);

// Of a FLAC file whose header gives no length, after so many samples: the next frame begins in it and is not whole.
bool flac_is_cut(const SoundBytes& bytes, std::int64_t frames);

}  // namespace espalier::audio
