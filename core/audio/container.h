// What the header of a sound file says of its length, held against the file: writers into a pipe cannot go back and
// leave it open, files that were cut short promise more than is there. Decoders silently make do with what they find.
#pragma once

#include <cstdint>
#include <string>

#include "sound_bytes.h"

namespace espalier::audio {

// WAV (RIFF, RIFX, RF64, BW64), Wave64, AIFF, AU and CAF: a length that was left open is corrected in what `bytes`
// gives. The answer says why the file is not whole, or nothing.
std::string settle_length(SoundBytes& bytes);

// Of an Ogg file: where it is joined of several streams one after the other (a chain), each as a part of the file.
struct OggStreams {
  struct Part {
    std::int64_t begin = 0, end = 0;
  };
  std::vector<Part> parts;
  std::string problem;  // why the last is not whole, or nothing
};
bool is_ogg(const SoundBytes& bytes);
OggStreams ogg_streams(const SoundBytes& bytes);

}  // namespace espalier::audio
