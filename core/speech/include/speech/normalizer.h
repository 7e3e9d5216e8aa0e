// Texts made comparable before they are compared: case, punctuation, numbers, spelling.
#pragma once

#include <string>
#include <vector>

namespace espalier::speech {

enum class Normalizer {
  WhisperEnglish,  // as Whisper's paper has it for English: also numbers, contractions, titles and spellings
  WhisperBasic,    // as Whisper's paper has it for other languages: lower case, no brackets, no punctuation
  Ascii,           // lower-case letters and digits of ASCII and apostrophes; diacritics fall, other scripts vanish
};

// "whisper-english", "whisper-basic", "ascii". Throws SettingsError with the nearest known name.
Normalizer normalizer_from(const std::string& name);
const char* to_string(Normalizer normalizer);

// Both texts are UTF-8.
std::string normalized(Normalizer normalizer, const std::string& text);

}  // namespace espalier::speech
